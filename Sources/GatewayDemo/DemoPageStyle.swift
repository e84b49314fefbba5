/// The page's style: system fonts, light and dark by the browser's preference, one column on narrow screens.
enum DemoPageStyle {
    static let css = """
        :root {
          color-scheme: light dark;
          --ground: #f4f6f8; --card: #ffffff; --line: #d3dae1; --text: #16202a; --soft: #52606d;
          --accent: #0b62b0; --on-accent: #ffffff; --good: #17693a; --bad: #a5252b; --wait: #7a5200;
          --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #10161c; --card: #19222b; --line: #33404c; --text: #e7edf3; --soft: #a3b1be;
            --accent: #6cb4f5; --on-accent: #08131d; --good: #6fcf97; --bad: #ff9a9a; --wait: #f0c265;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; max-width: 76rem; padding: 1.25rem; background: var(--ground); color: var(--text);
          font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
        }
        h1 { margin: 0; font-size: 1.6rem; line-height: 1.2; }
        h2 { margin: 0; font-size: 1.15rem; }
        h3 { margin: 0; font-size: 1rem; }
        p { margin: .25rem 0; }
        code, dd, [role=log] { font-family: var(--mono); font-size: .875rem; }
        a { color: var(--accent); }
        header { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: end; justify-content: space-between; }
        header p, footer, dt, legend, .line span { color: var(--soft); }
        footer { font-size: .9rem; }
        main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem;
          margin: 1.25rem 0; }
        section { display: flex; flex-direction: column; gap: 1rem; min-width: 0; padding: 1.1rem;
          background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
        .heading { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
        .badge { padding: .1rem .7rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .85rem;
          font-weight: 600; color: var(--soft); }
        .badge[data-state=open] { color: var(--good); }
        .badge[data-state=connecting], .badge[data-state=closing] { color: var(--wait); }
        form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; justify-content: space-between; }
        fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
        legend, dt, .line span { padding: 0; font-size: .8rem; }
        .choice label { display: inline-flex; gap: .35rem; align-items: center; margin-right: 1rem; }
        .choice .apart { display: flex; font-size: .9rem; margin: .3rem 0 0; flex-wrap: wrap; }
        .line { flex: 1 1 13rem; min-width: 0; }
        .line span { display: block; }
        .line input { width: 100%; padding: .4rem .6rem; font: inherit; color: inherit; background: var(--ground);
          border: 1px solid var(--soft); border-radius: .35rem; }
        [data-input=hex] { font-family: var(--mono); }
        .buttons { display: flex; flex-wrap: wrap; gap: .5rem; }
        button { padding: .4rem .9rem; font: inherit; color: var(--accent); background: transparent;
          border: 1px solid var(--accent); border-radius: .35rem; cursor: pointer; }
        button.primary { color: var(--on-accent); background: var(--accent); }
        button.quiet { padding: .1rem .6rem; font-size: .85rem; }
        button:disabled { color: var(--soft); background: transparent; border-color: var(--line); cursor: default; }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        dl { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem 1rem; margin: 0; padding: .75rem 0;
          border-block: 1px solid var(--line); }
        dl div { min-width: 0; }
        dl .wide { grid-column: 1 / -1; }
        dd { margin: 0; overflow-wrap: anywhere; }
        [role=log] { list-style: none; margin: 0; padding: .5rem; height: 15rem; overflow: auto;
          background: var(--ground); border: 1px solid var(--line); border-radius: .35rem; }
        [role=log] li { display: grid; grid-template-columns: 5.4rem 1.2rem 1fr; gap: .4rem; padding: .1rem 0; }
        [role=log] time, .note { color: var(--soft); }
        [role=log] p { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
        .out { color: var(--accent); }
        .in { color: var(--good); }
        .error { color: var(--bad); }
        .noscript { padding: 1rem; border: 2px solid var(--bad); border-radius: .35rem; }
        @media (max-width: 32rem) {
          body { padding: .75rem; }
          [role=log] li { grid-template-columns: 1.2rem 1fr; }
          [role=log] time { display: none; }
        }
        """
}
