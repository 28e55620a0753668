extension LoadReport {
    /// The page's style sheet: light, and dark for those who have their screens dark.
    static let style = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --edge: #e3e6eb; --text: #16202e; --soft: #5c6878;
          --grid: #e9ecf0; --p50: #0b5f8a; --p95: #2e9bc6; --p99: #8fcbe3;
          --band95: rgba(46, 155, 198, .30); --band99: rgba(143, 203, 227, .28);
          --final: #c2570c; --good: #17734a; --goodSoft: #e2f3ea; --bad: #b3261e;
          --badSoft: #fbe6e4; --refused: #d99a1c; --differing: #7a3fb0; --server: #3f7d5a;
          --serverSoft: rgba(63, 125, 90, .16); --openSoft: rgba(92, 104, 120, .12);
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #10151c; --card: #171e27; --edge: #28313d; --text: #e6ebf2; --soft: #97a3b4;
            --grid: #242d38; --p50: #7fd0f2; --p95: #3c9fca; --p99: #2a6c8c;
            --band95: rgba(60, 159, 202, .34); --band99: rgba(42, 108, 140, .34);
            --final: #f0955a; --good: #6fd3a1; --goodSoft: #16301f; --bad: #f2938c;
            --badSoft: #3a1c1a; --refused: #e0ac45; --differing: #b98ae6; --server: #7cc79d;
            --serverSoft: rgba(124, 199, 157, .18); --openSoft: rgba(151, 163, 180, .14);
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--text);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
        }
        main { max-width: 1140px; margin: 0 auto; padding: 36px 20px 60px; }
        h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -.02em; }
        h2 { font-size: 16px; margin: 0; }
        header { margin-bottom: 22px; }
        .subtitle { color: var(--soft); margin: 6px 0 14px; }
        .verdict { margin: 0; padding: 10px 14px; border-radius: 8px; font-weight: 600; }
        .good { background: var(--goodSoft); color: var(--good); }
        .bad { background: var(--badSoft); color: var(--bad); }
        .tiles {
          display: grid; gap: 12px; margin-bottom: 14px;
          grid-template-columns: repeat(auto-fit, minmax(190px, 1fr));
        }
        .tile, figure, main > section:not(.tiles) {
          background: var(--card); border: 1px solid var(--edge); border-radius: 12px;
        }
        .tile { padding: 14px 16px; }
        .tile b {
          display: block; font-size: 26px; line-height: 1.2; font-weight: 650;
          letter-spacing: -.02em; font-variant-numeric: tabular-nums;
        }
        .tile small { font-size: 14px; font-weight: 500; color: var(--soft); margin-left: 4px; }
        .tile span { color: var(--soft); font-size: 13px; }
        figure, main > section:not(.tiles) { margin: 0 0 14px; padding: 16px 18px; }
        figcaption {
          display: flex; justify-content: space-between; align-items: flex-start; gap: 16px;
          flex-wrap: wrap; margin-bottom: 6px;
        }
        figcaption p { margin: 0; color: var(--soft); font-size: 13px; }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 14px; }
        .legend { display: flex; gap: 14px; font-size: 13px; color: var(--soft); }
        .key::before {
          content: ""; display: inline-block; width: 14px; height: 4px; border-radius: 2px;
          margin-right: 6px; vertical-align: middle; background: currentColor;
        }
        .key.line50::before { background: var(--p50); }
        .key.line95::before { background: var(--p95); }
        .key.line99::before { background: var(--p99); }
        .key.lineFinal::before { background: var(--final); }
        .key.lineOpen::before { background: var(--soft); }
        .key.lineSpeaking::before { background: var(--p50); }
        .key.refused::before { background: var(--refused); }
        .key.failed::before { background: var(--bad); }
        .key.differing::before { background: var(--differing); }
        svg { display: block; width: 100%; height: auto; }
        svg text { font-family: inherit; }
        .tick { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
        .note { font-size: 12px; font-weight: 600; fill: var(--text); }
        .grid { stroke: var(--grid); }
        path { stroke-linejoin: round; stroke-linecap: round; }
        path.line50, path.line95, path.line99, path.lineFinal, path.lineOpen, path.lineSpeaking,
        path.lineServer { fill: none; stroke-width: 2; }
        path.line50 { stroke: var(--p50); }
        path.line95 { stroke: var(--p95); stroke-width: 1.25; }
        path.line99 { stroke: var(--p99); stroke-width: 1.25; }
        path.lineFinal { stroke: var(--final); }
        path.lineOpen { stroke: var(--soft); }
        path.lineSpeaking { stroke: var(--p50); }
        path.lineServer { stroke: var(--server); }
        circle.line50 { fill: var(--p50); }
        circle.line95 { fill: var(--p95); }
        circle.line99 { fill: var(--p99); }
        circle.lineServer { fill: var(--server); }
        .band95 { fill: var(--band95); }
        .band99 { fill: var(--band99); }
        .bandOpen { fill: var(--openSoft); }
        .bandServer { fill: var(--serverSoft); }
        .bar { fill: var(--p95); }
        rect.refused { fill: var(--refused); }
        rect.failed { fill: var(--bad); }
        rect.differing { fill: var(--differing); }
        .marker { stroke: var(--text); stroke-dasharray: 3 3; }
        .hint { fill: transparent; }
        .hint:hover { fill: var(--openSoft); }
        table { border-collapse: collapse; width: 100%; margin-top: 12px; font-size: 14px; }
        th, td {
          text-align: left; padding: 7px 10px 7px 0; border-top: 1px solid var(--edge);
          vertical-align: top;
        }
        thead th { border-top: 0; color: var(--soft); font-weight: 500; }
        tbody th, .facts th { font-weight: 550; }
        .facts th { width: 190px; }
        .figures td, .figures thead th:not(:first-child) {
          text-align: right; font-variant-numeric: tabular-nums;
        }
        ul { margin: 10px 0 0; padding-left: 20px; font-size: 14px; }
        @media (max-width: 520px) { .pair { grid-template-columns: 1fr; } }
        @media print { body { background: none; } figure { break-inside: avoid; } }
        """
}
