/// The page's script. `makeClient` is the part that also runs in the Web Worker, from its own source text.
enum DemoPageScript {
    static let javascript = client + panel + start

    /// A WebSocket whose sends are promises of what comes back. It uses nothing that a worker has not got.
    private static let client = #"""
        "use strict";

        function makeClient(emit) {
          const timeout = 30000;
          let socket = null;
          let path = "";
          let waiting = [];

          const state = () => ({
            url: socket ? socket.url : "",
            readyState: socket ? socket.readyState : 3,
            extensions: socket ? socket.extensions : "",
            protocol: socket ? socket.protocol : "",
          });
          const changed = () => emit({ type: "state", state: state() });

          function settle(entry, settlement, value) {
            const index = waiting.indexOf(entry);
            if (index < 0) return;
            waiting.splice(index, 1);
            clearTimeout(entry.timer);
            entry[settlement](value);
          }

          function waitFor(accepts) {
            return new Promise((resolve, reject) => {
              const entry = { accepts, resolve, reject };
              entry.timer = setTimeout(
                () => settle(entry, "reject", new Error("nothing came back in " + timeout / 1000 + " s")), timeout);
              waiting.push(entry);
            });
          }

          function refuseAll(message) {
            for (const entry of waiting.slice()) settle(entry, "reject", new Error(message));
          }

          function saidBy(line, text) {
            try {
              const value = JSON.parse(line);
              return value.from !== "room" && value.text === text;
            } catch {
              return false;
            }
          }

          function receive(data) {
            emit({ type: "received", data });
            const entry = waiting.find(candidate => candidate.accepts(data));
            if (entry) settle(entry, "resolve", data);
          }

          function connect(where, protocols) {
            if (socket && socket.readyState < 2) socket.close(1000, "connecting anew");
            refuseAll("connected anew");
            return new Promise((resolve, reject) => {
              const mine = new WebSocket(where, protocols || []);
              mine.binaryType = "arraybuffer";
              socket = mine;
              path = new URL(where).pathname;
              mine.onopen = () => {
                if (socket === mine) changed();
                resolve({ extensions: mine.extensions, protocol: mine.protocol });
              };
              mine.onmessage = event => {
                if (socket === mine) receive(event.data);
              };
              mine.onclose = event => {
                const how = { code: event.code, reason: event.reason, wasClean: event.wasClean };
                const message = "closed with " + how.code + (how.reason ? ": " + how.reason : "");
                reject(new Error(message));
                if (socket !== mine) return;
                refuseAll(message);
                changed();
                emit({ type: "closed", how });
              };
              changed();
            });
          }

          function send(data, accepts) {
            if (!socket || socket.readyState !== 1) return Promise.reject(new Error("not connected"));
            const start = performance.now();
            const answer = waitFor(accepts);
            emit({ type: "sent", data });
            socket.send(data);
            return answer.then(value => {
              emit({ type: "roundTrip", milliseconds: performance.now() - start });
              return value;
            });
          }

          function sendText(text) {
            return send(text, path === "/chat"
              ? data => typeof data === "string" && saidBy(data, text)
              : data => typeof data === "string");
          }

          function sendBinary(bytes) {
            return send(bytes.slice(), data => typeof data !== "string").then(data => new Uint8Array(data));
          }

          function close(code, reason) {
            const mine = socket;
            if (!mine || mine.readyState === 3) return Promise.reject(new Error("not connected"));
            return new Promise(resolve => {
              mine.addEventListener("close", event => resolve(
                { code: event.code, reason: event.reason, wasClean: event.wasClean }));
              mine.close(code === undefined ? 1000 : code, reason === undefined ? "" : reason);
              changed();
            });
          }

          return { connect, sendText, sendBinary, close, state: () => Promise.resolve(state()) };
        }

        function serveClient(scope) {
          const client = makeClient(event => scope.postMessage({ event }));
          scope.onmessage = ({ data: { id, call, values } }) => {
            new Promise(resolve => resolve(client[call](...values))).then(
              value => scope.postMessage({ id, value }),
              error => scope.postMessage({ id, error: error.message }));
          };
        }

        function makeWorkerClient(emit) {
          const source = `"use strict";\n${makeClient}\n(${serveClient})(self);`;
          const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const worker = new Worker(address);
          const calls = new Map();
          let last = 0;
          worker.onmessage = ({ data }) => {
            URL.revokeObjectURL(address);
            if (data.event) return emit(data.event);
            const { resolve, reject } = calls.get(data.id);
            calls.delete(data.id);
            if (data.error !== undefined) reject(new Error(data.error));
            else resolve(data.value);
          };
          worker.onerror = event => {
            for (const { reject } of calls.values()) reject(new Error("worker: " + event.message));
            calls.clear();
          };
          const remote = call => (...values) => new Promise((resolve, reject) => {
            calls.set(++last, { resolve, reject });
            worker.postMessage({ id: last, call, values });
          });
          return {
            connect: remote("connect"), sendText: remote("sendText"), sendBinary: remote("sendBinary"),
            close: remote("close"), state: remote("state"),
          };
        }


        """#

    /// What one client shows and offers to a person.
    private static let panel = #"""
        const stateNames = ["connecting", "open", "closing", "closed"];
        const maxEntries = 200;
        const maxPreview = 300;

        const absolute = path => {
          const url = new URL(path, location.href);
          url.protocol = location.protocol === "http:" ? "ws:" : "wss:";
          url.hash = "";
          return url.href;
        };

        const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join(" ");

        function bytesOf(text) {
          const digits = text.replace(/[\s,:]+/g, "");
          if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error("expected pairs of hex digits, such as 00 7f ff");
          return Uint8Array.from(digits.match(/../g) || [], pair => parseInt(pair, 16));
        }

        function preview(data) {
          if (typeof data === "string") {
            return data.length > maxPreview ? data.slice(0, maxPreview) + "…" : data;
          }
          const bytes = new Uint8Array(data.buffer || data);
          return hex(bytes.subarray(0, maxPreview / 6)) + (bytes.length > maxPreview / 6 ? " …" : "");
        }

        function sizeOf(data) {
          const text = typeof data === "string";
          const bytes = text ? new TextEncoder().encode(data).length : data.byteLength;
          return (text ? "text, " : "binary, ") + bytes + (bytes === 1 ? " byte" : " bytes");
        }

        function makePanel(title, makeTransport) {
          const section = document.getElementById("panel").content.cloneNode(true).querySelector("section");
          const find = (kind, name) => section.querySelector(`[data-${kind}=${name}]`);
          const log = section.querySelector("[role=log]");
          const heading = section.querySelector("h2");
          heading.textContent = title;
          heading.id = "title-" + title.toLowerCase().replace(/\s+/g, "-");
          section.setAttribute("aria-labelledby", heading.id);
          log.setAttribute("aria-label", "Messages, " + title);
          const radios = section.querySelectorAll("input[type=radio]");
          for (const radio of radios) radio.name = heading.id + "-endpoint";
          document.getElementById("panels").append(section);

          const show = (name, value) => { find("field", name).textContent = value; };

          function note(kind, mark, label, detail) {
            const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
            const item = document.createElement("li");
            const time = document.createElement("time");
            time.textContent = new Date().toLocaleTimeString([], { hour12: false });
            const sign = document.createElement("span");
            sign.className = kind;
            sign.textContent = mark;
            const text = document.createElement("p");
            const what = document.createElement("span");
            what.className = kind === "error" ? "error" : "note";
            what.textContent = detail === undefined ? label : label + "\n";
            text.append(what, detail === undefined ? "" : detail);
            item.append(time, sign, text);
            log.append(item);
            while (log.childElementCount > maxEntries) log.firstElementChild.remove();
            if (atEnd) log.scrollTop = log.scrollHeight;
          }

          function showState({ url, readyState, extensions, protocol }) {
            const open = readyState === 1;
            const name = stateNames[readyState];
            show("url", url || "–");
            show("readyState", readyState + " (" + name.toUpperCase() + ")");
            const badge = find("field", "state");
            badge.textContent = name;
            badge.dataset.state = name;
            if (open) {
              show("extensions", extensions || "none");
              show("protocol", protocol || "none");
            }
            if (readyState === 0) {
              for (const field of ["extensions", "protocol", "close", "roundTrip"]) show(field, "–");
            }
            find("button", "connect").disabled = readyState !== 3;
            find("button", "disconnect").disabled = readyState > 1;
            for (const button of ["text", "binary", "large"]) find("button", button).disabled = !open;
          }

          let lastState = 3;
          const client = makeTransport(event => {
            switch (event.type) {
              case "state":
                showState(event.state);
                if (event.state.readyState !== lastState && event.state.readyState === 1) {
                  note("in", "●", "open, extensions: " + (event.state.extensions || "none"));
                }
                lastState = event.state.readyState;
                break;
              case "sent":
                note("out", "↑", "sent " + sizeOf(event.data), preview(event.data));
                break;
              case "received":
                note("in", "↓", "received " + sizeOf(event.data), preview(event.data));
                break;
              case "roundTrip":
                show("roundTrip", event.milliseconds.toFixed(1) + " ms");
                break;
              case "closed": {
                const text = event.how.code + (event.how.reason ? ", " + event.how.reason : "");
                show("close", text);
                note(event.how.wasClean ? "note" : "error", "○", "closed: " + text
                  + (event.how.wasClean ? "" : " (without a closing handshake)"));
                break;
              }
            }
          });

          const report = error => note("error", "!", error.message);
          const attempt = action => {
            try {
              Promise.resolve(action()).catch(error => {
                if (!error.message.startsWith("closed with")) report(error);
              });
            } catch (error) {
              report(error);
            }
          };
          const on = (name, action) => find("form", name).addEventListener("submit", event => {
            event.preventDefault();
            attempt(action);
          });
          const connect = (path, protocols) => client.connect(absolute(path), protocols);
          on("connect", () => connect(
            Array.from(radios).find(radio => radio.checked).value,
            find("input", "subprotocol").checked ? ["sluice-demo"] : []));
          on("text", () => client.sendText(find("input", "text").value));
          on("binary", () => client.sendBinary(bytesOf(find("input", "hex").value)));
          find("button", "large").addEventListener("click", () => attempt(
            () => client.sendBinary(Uint8Array.from({ length: 65536 }, (_, index) => index >> 8))));
          find("button", "disconnect").addEventListener("click", () => attempt(() => client.close(1000, "done")));
          find("button", "clear").addEventListener("click", () => log.replaceChildren());

          return { ...client, connect };
        }


        """#

    private static let start = #"""
        const page = makePanel("Page", makeClient);
        const worker = makePanel("Web Worker", makeWorkerClient);
        window.sluiceDemo = Object.freeze({ ...page, worker: Object.freeze(worker) });

        """#
}
