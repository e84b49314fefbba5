// A WebSocket that its user wants open comes back by itself.

/** Whether a new connection may go better. After other codes this side has something to change first. */
const comesBack = code => [1001, 1006, 1011, 1012, 1013].includes(code);

/** Milliseconds before the next attempt, of which there have been so many. Chance keeps clients apart. */
function backOff(attempt, code) {
  const first = code === 1012 ? 300 : 1000;
  return Math.min(15000, first * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
}

/** Attempts, one after the other, each after a longer pause. `show(attempt, seconds)` tells each second. */
function makeReconnection(connect, show) {
  let attempts = 0;
  let timer = null;
  let ticking = null;

  function clear() {
    clearTimeout(timer);
    clearInterval(ticking);
    timer = null;
  }

  return {
    get isWaiting() { return timer !== null; },
    schedule(code) {
      clear();
      attempts += 1;
      const wait = backOff(attempts, code);
      const due = Date.now() + wait;
      const tick = () => show(attempts, Math.max(1, Math.ceil((due - Date.now()) / 1000)));
      tick();
      ticking = setInterval(tick, 1000);
      timer = setTimeout(() => {
        clear();
        connect();
      }, wait);
    },
    succeeded() { attempts = 0; },
    stop() {
      clear();
      attempts = 0;
    },
  };
}
