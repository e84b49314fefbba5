import GatewayTelemetry
import Testing

@Suite("Counters and gauges")
struct CounterTests {
    @Test func aCounterGrows() {
        let counter = Counter()
        counter.add()
        counter.add(41)
        let value = counter.value
        #expect(value == 42)
    }

    @Test func aCounterThatIsFullStartsOver() {
        let counter = Counter()
        counter.add(.max)
        counter.add(2)
        let value = counter.value
        #expect(value == 1)
    }

    @Test func aGaugeGoesUpAndDown() {
        let gauge = Gauge()
        gauge.add()
        gauge.add(10)
        gauge.subtract(3)
        gauge.subtract()
        let value = gauge.value
        #expect(value == 7)
    }
}
