import GatewayConfig
import NIOCore

extension ProcessLimits {
    /// How many event loops a gateway starts with, at least 1. Where `event_loops` names none, it is one for each core
    /// that the cgroup's quota or set of cores leaves to the process, or of the machine.
    var loopCount: Int { eventLoops > 0 ? eventLoops : System.coreCount }
}
