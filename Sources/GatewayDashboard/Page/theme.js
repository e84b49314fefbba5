// Light, dark, or what the system says.
const themeSwitch = byId('theme');

function applyTheme(choice) {
  if (choice === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = choice;
  themeSwitch.value = choice;
}

function storedTheme() {
  try {
    const choice = localStorage.getItem('sluice-theme');
    return ['light', 'dark'].includes(choice) ? choice : 'auto';
  } catch {
    return 'auto';
  }
}

themeSwitch.addEventListener('change', () => {
  applyTheme(themeSwitch.value);
  try { localStorage.setItem('sluice-theme', themeSwitch.value); } catch { /* It holds for this page then. */ }
});
applyTheme(storedTheme());
