/* The chart of the last days; the table beside it says the same. */
/* global uPlot */
const box = document.querySelector("[data-chart]");
const LINES = [
  ["accepted", "Accepted", "#4c6ef5"],
  ["pushed", "Pushed", "#2fb344"],
  ["shown", "Shown", "#f59f00"],
  ["answered", "Answered", "#d6336c"],
];

if (box && window.uPlot) {
  const { days, ...counts } = JSON.parse(box.dataset.chart);
  const at = days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
  let chart;
  const draw = () => {
    chart?.destroy();
    const style = getComputedStyle(box);
    const ink = style.color;
    const grid = "rgba(128, 128, 128, .25)";
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    chart = new uPlot(
      {
        width: box.clientWidth,
        height: 260,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.05, 5)] } },
        axes: [
          {
            ...axis,
            space: 70,
            values: (_, ticks) =>
              ticks.map((tick) =>
                new Date(tick * 1000).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" }),
              ),
            incrs: [86400, 86400 * 2, 86400 * 5, 86400 * 7, 86400 * 10],
          },
          {
            ...axis,
            size: 64,
            incrs: [
              1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7,
            ],
            values: (_, ticks) => ticks.map((tick) => Intl.NumberFormat("en", { notation: "compact" }).format(tick)),
          },
        ],
        series: [
          {
            label: "Day",
            value: (_, tick) =>
              tick == null
                ? "–"
                : new Date(tick * 1000).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" }),
          },
          ...LINES.map(([, label, stroke]) => ({
            label,
            stroke,
            width: 2,
            points: { show: days.length < 2 },
            value: (_, count) => (count == null ? "–" : count.toLocaleString("en")),
          })),
        ],
      },
      [at, ...LINES.map(([name]) => counts[name])],
      box,
    );
  };
  draw();
  new ResizeObserver(() => {
    if (chart.width !== box.clientWidth) chart.setSize({ width: box.clientWidth, height: 260 });
  }).observe(box);
  new MutationObserver(draw).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-bs-theme"],
  });
}
