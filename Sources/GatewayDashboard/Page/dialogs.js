// Dialogs: one at a time, closed by Escape, by their button, or beside them.

/** Opens one. `build` fills its body and may return a function that is called with each change. */
function openDialog(title, build) {
  document.querySelector('dialog')?.close();
  const body = make('div', { class: 'body' });
  const heading = make('h2', { id: 'dialog-title' }, title);
  const dialog = make('dialog', { 'aria-labelledby': 'dialog-title' },
    make('div', { class: 'top' }, heading, make('button', { type: 'button', onclick: () => dialog.close() }, 'Close')), body);
  const refresh = build(body, dialog);
  const stop = refresh ? watch(refresh) : () => {};
  dialog.addEventListener('close', () => {
    stop();
    dialog.remove();
  });
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  refresh?.('open');
  dialog.showModal();
  return dialog;
}

/** A field for how many WebSockets a second are told to go. */
function rateField(hint) {
  const input = make('input', { type: 'number', min: '0.1', max: '100000', step: 'any', placeholder: hint });
  return {
    element: make('label', {}, 'WebSockets a second', input),
    get parameter() { return input.value ? `${input.value}/s` : ''; },
    get isValid() { return input.reportValidity(); },
  };
}
