// Requests to the gateway, and short messages about what became of them.
class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** The response, if its status is one of success; else a `Refusal` with what the gateway said. */
async function ask(path, method = 'GET') {
  let response;
  try {
    response = await fetch(path, { method, cache: 'no-store', credentials: 'same-origin' });
  } catch {
    throw new Refusal(0, 'The gateway does not answer.');
  }
  if (!response.ok) {
    const text = (await response.text()).trim();
    if (response.status === 401) sessionIsOver();
    throw new Refusal(response.status, text);
  }
  return response;
}

function toast(text, kind = '') {
  const element = make('div', { class: `toast ${kind}`.trim() }, text);
  byId('toasts').append(element);
  setTimeout(() => element.remove(), 6000);
}

/** Does something that the gateway may refuse, and says what came of it. */
async function attempt(button, work) {
  button.disabled = true;
  try {
    const said = await work();
    if (said) toast(said);
    return true;
  } catch (error) {
    toast(error.message, 'bad');
    return false;
  } finally {
    button.disabled = false;
  }
}

const query = parameters => {
  const given = Object.entries(parameters).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : '';
};
