// Light or dark: what the person has chosen, or what the system has. The root element says
// which in data-scheme; all colours in the style sheets hang on that, and on no media query.

const GROUND = { light: '#f7f5f0', dark: '#191d20' }; // of the bars, for the browser's own

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** "light" and "dark" are taken as they are, all else is as the system. */
export function paintScheme(choice: unknown): void {
  const system = prefersDark.matches ? 'dark' : 'light';
  const scheme = choice === 'light' || choice === 'dark' ? choice : system;
  document.documentElement.dataset.scheme = scheme;
  const meta = document.querySelector('meta[name="theme-color"]');
  meta?.setAttribute('content', GROUND[scheme]);
}

export const isDark = (): boolean => document.documentElement.dataset.scheme === 'dark';

export function onSystemScheme(f: () => void): void {
  prefersDark.addEventListener('change', f);
}
