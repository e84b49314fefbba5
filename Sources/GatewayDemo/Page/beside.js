// The dashboard, in a frame beside the page where there is room for it.
function buildBeside() {
  const aside = byId('beside');
  const place = byId('beside-frame');
  const button = byId('beside-switch');
  const isWide = matchMedia('(min-width: 75rem)');
  /** What the person chose; nothing: what the width says. */
  let choice = null;

  function show() {
    // Without the token there would only be the form that asks for it, and a login belongs into a window of its own.
    const isPossible = gateway.standing !== 'locked';
    const isShown = isPossible && (choice ?? isWide.matches);
    button.hidden = !isPossible;
    setText(button, isShown ? 'Hide it' : 'Show it here');
    button.setAttribute('aria-expanded', String(isShown));
    place.hidden = !isShown;
    aside.parentElement.classList.toggle('split', isShown);
    if (isShown && !place.firstChild && gateway.standing === 'live') {
      place.append(make('iframe', { src: '/dashboard', title: 'Dashboard of the gateway' }));
    }
    // Hidden, it would still watch.
    if (!isShown) place.replaceChildren();
  }

  button.addEventListener('click', () => {
    choice = place.hidden;
    show();
  });
  isWide.addEventListener('change', show);
  let shownFor = null;
  gateway.watch(() => {
    // Before the gateway has said whether it wants a token, there is nothing to show.
    if (gateway.standing === 'connecting' && !shownFor || gateway.standing === shownFor) return;
    shownFor = gateway.standing;
    show();
  });
}
