// One client, as a person sees and steers it.
const stateNames = ['connecting', 'open', 'closing', 'closed'];

function makePanel(title, makeTransport) {
  const section = byId('panel').content.cloneNode(true).querySelector('article');
  const find = (kind, name) => section.querySelector(`[data-${kind}=${name}]`);
  const heading = section.querySelector('h3');
  heading.textContent = title;
  heading.id = 'title-' + title.toLowerCase().replace(/\s+/g, '-');
  section.setAttribute('aria-labelledby', heading.id);
  const log = section.querySelector('[role=log]');
  log.setAttribute('aria-label', `Messages, ${title}`);
  const messages = makeMessageLog(log);
  const radios = [...section.querySelectorAll('input[type=radio]')];
  for (const radio of radios) radio.name = heading.id + '-endpoint';
  byId('panels').append(section);

  /** Whether the person wants it open. */
  let wanted = false;
  let state = { url: '', readyState: 3, extensions: '', protocol: '', guest: '' };
  /** Why it is closed, for as long as it is. */
  let ending = 'Not connected.';
  const show = (name, value) => setText(find('field', name), value);
  const chosen = () => radios.find(radio => radio.checked).value;
  const isChat = () => (state.readyState < 2 ? new URL(state.url).pathname : chosen()) === '/chat';

  const reconnection = makeReconnection(open, (attempt, seconds) => {
    show('next', `Attempt ${attempt} in ${seconds} s.`);
  });

  function showState() {
    const isOpen = state.readyState === 1;
    const isWaiting = reconnection.isWaiting;
    const name = isWaiting ? 'waiting' : stateNames[state.readyState];
    const badge = find('field', 'state');
    setText(badge, name);
    badge.dataset.state = name;
    show('url', state.url || '–');
    show('readyState', `${state.readyState} (${stateNames[state.readyState].toUpperCase()})`);
    if (isOpen) {
      show('extensions', state.extensions || 'none');
      show('protocol', state.protocol || 'none');
    }
    if (!isWaiting) show('next', '');
    show('words', [
      'Connecting…', state.guest ? `Open. You are ${state.guest}.` : 'Open.', 'Closing…', ending,
    ][state.readyState]);
    // Never disabled: a button that has the focus would lose it.
    setText(find('button', 'connect'),
      isWaiting ? 'Stop trying' : state.readyState < 3 || wanted ? 'Disconnect' : 'Connect');
    for (const button of ['text', 'binary', 'large']) {
      find('button', button).setAttribute('aria-disabled', String(!isOpen));
    }
    // The chat takes no bytes.
    find('form', 'binary').hidden = isChat();
  }

  const client = makeTransport(event => {
    switch (event.type) {
      case 'state': {
        const before = state;
        state = event.state;
        if (state.readyState === 1 && before.readyState !== 1) {
          reconnection.succeeded();
          messages.note('note', 'open, extensions:', state.extensions || 'none');
        }
        // How it ended follows at once, and is said together with that it did.
        if (state.readyState !== 3) showState();
        break;
      }
      case 'sent':
        // The room sends it back.
        if (!isChat()) messages.note('out', `sent ${sizeOf(event.data)}:`, preview(event.data));
        break;
      case 'received':
        received(event.data);
        break;
      case 'roundTrip':
        show('roundTrip', `${event.milliseconds.toFixed(1)} ms`);
        break;
      case 'closed':
        closed(event.how);
        break;
    }
  });

  function received(data) {
    const line = isChat() && typeof data === 'string' ? chatLine(data) : null;
    if (!line) return messages.note('in', `received ${sizeOf(data)}:`, preview(data));
    if (line.from === 'room') return messages.note('note', line.text + (line.you ? ` (you are ${line.you})` : ''));
    messages.note('in', `${line.from}${line.from === state.guest ? ' (you)' : ''}:`, preview(line.text));
  }

  function closed(how) {
    show('close', closeText(how));
    messages.note(how.wasClean ? 'note' : 'error', `closed: ${closeText(how)}`);
    const returns = wanted && comesBack(how.code);
    wanted = returns;
    ending = `Closed with ${closeText(how)}. ${meaningOf(how.code)}${returns ? ' It comes back by itself.' : ''}`;
    if (returns) reconnection.schedule(how.code);
    showState();
    if (how.code !== 1006) return;
    gateway.answers().then(answers => {
      if (answers || state.readyState !== 3) return;
      ending = `The gateway does not answer.${wanted ? ' The page tries again by itself.' : ''}`;
      showState();
    });
  }

  const report = error => messages.note('error', error.message);
  const attempt = action => {
    try {
      Promise.resolve(action()).catch(error => {
        // The end of the connection has been told already.
        if (!error.message.startsWith('closed with')) report(error);
      });
    } catch (error) {
      report(error);
    }
  };

  const connect = (path, protocols) => client.connect(socketAddress(path), protocols);

  function open() {
    attempt(() => connect(chosen(), find('input', 'subprotocol').checked ? ['sluice-demo'] : []));
  }

  function connectOrDisconnect() {
    if (wanted || state.readyState < 2) {
      wanted = false;
      reconnection.stop();
      if (state.readyState < 2) attempt(() => client.close(1000, 'done'));
      else ending = 'Not connected.';
      return showState();
    }
    wanted = true;
    open();
  }

  const onSubmit = (name, action) => find('form', name).addEventListener('submit', event => {
    event.preventDefault();
    action();
  });
  const sends = action => () => {
    if (state.readyState !== 1) return report(new Error('Connect first: there is no open WebSocket.'));
    attempt(action);
  };
  onSubmit('connect', connectOrDisconnect);
  onSubmit('text', sends(() => client.sendText(find('input', 'text').value)));
  onSubmit('binary', sends(() => client.sendBinary(bytesOf(find('input', 'hex').value))));
  find('button', 'large').addEventListener('click', sends(
    () => client.sendBinary(Uint8Array.from({ length: 65536 }, (_, index) => index >> 8))));
  find('button', 'clear').addEventListener('click', () => messages.clear());
  // Another endpoint is another WebSocket.
  for (const radio of radios) {
    radio.addEventListener('change', () => {
      if (!wanted) return showState();
      reconnection.stop();
      open();
    });
  }
  showState();
  return { ...client, connect };
}
