/// The page's markup. The panel is a template: the script makes one for the page and one for the worker.
enum DemoPageBody {
    static func html(statistics: String) -> String {
        """
        <body>
        <header>
        <div>
        <h1>Sluice demo</h1>
        <p>WebSockets through the gateway, from this page and from a Web Worker.</p>
        </div>
        <nav aria-label="Gateway"><a href="\(statistics)" target="_blank" rel="noopener">Live statistics</a></nav>
        </header>
        <main id="panels"></main>
        <footer>
        <p><code>/echo</code> sends every message back. <code>/chat</code> sends text messages to everyone in the
        room: connect both panels, or open this page twice.</p>
        </footer>
        <noscript><p class="noscript">This page opens WebSockets with JavaScript; please allow it.</p></noscript>
        <template id="panel">
        <section>
        <div class="heading"><h2></h2><span class="badge" data-field="state" role="status">closed</span></div>
        <form data-form="connect">
        <fieldset class="choice"><legend>Endpoint</legend>
        <label><input type="radio" value="/echo" checked> Echo</label>
        <label><input type="radio" value="/chat"> Chat</label>
        <label class="apart"><input type="checkbox" data-input="subprotocol"> Offer the subprotocol
        <code>sluice-demo</code></label>
        </fieldset>
        <div class="buttons"><button class="primary" data-button="connect">Connect</button>
        <button type="button" data-button="disconnect" disabled>Disconnect</button></div>
        </form>
        <dl>
        <div class="wide"><dt>URL</dt><dd data-field="url">–</dd></div>
        <div><dt>readyState</dt><dd data-field="readyState">3 (CLOSED)</dd></div>
        <div><dt>Round trip</dt><dd data-field="roundTrip">–</dd></div>
        <div><dt>Subprotocol</dt><dd data-field="protocol">–</dd></div>
        <div><dt>Close</dt><dd data-field="close">–</dd></div>
        <div class="wide"><dt>Extensions</dt><dd data-field="extensions">–</dd></div>
        </dl>
        <form data-form="text">
        <label class="line"><span>Text</span>
        <input data-input="text" value="Hello through the gateway" autocomplete="off" maxlength="16000"></label>
        <div class="buttons"><button data-button="text" disabled>Send text</button></div>
        </form>
        <form data-form="binary">
        <label class="line"><span>Bytes, in hex</span>
        <input data-input="hex" value="00 01 02 fd fe ff" autocomplete="off" spellcheck="false" maxlength="6000"></label>
        <div class="buttons"><button data-button="binary" disabled>Send binary</button>
        <button type="button" data-button="large" disabled>Send 64 KiB</button></div>
        </form>
        <div class="heading"><h3>Messages</h3><button type="button" class="quiet" data-button="clear">Clear</button></div>
        <ol role="log" aria-live="polite" tabindex="0"></ol>
        </section>
        </template>
        </body>
        """
    }
}
