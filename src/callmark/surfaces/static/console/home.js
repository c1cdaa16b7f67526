/* The chart of the last days; the table beside it says the same. */
/* global uPlot */
const HEIGHT = 260;
const DAY_S = 86400;
const GRID = "rgba(128, 128, 128, .25)";
const LINES = [
  ["accepted", "Accepted", "#4c6ef5"],
  ["pushed", "Pushed", "#2fb344"],
  ["shown", "Shown", "#f59f00"],
  ["answered", "Answered", "#d6336c"],
];

function dayOf(seconds) {
  return new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

function axes(ink) {
  const axis = { stroke: ink, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID, width: 1 } };
  const counts = Intl.NumberFormat("en", { notation: "compact" });
  return [
    {
      ...axis,
      space: 70,
      values: (_, ticks) => ticks.map(dayOf),
      incrs: [DAY_S, DAY_S * 2, DAY_S * 5, DAY_S * 7, DAY_S * 10],
    },
    {
      ...axis,
      size: 64,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7],
      values: (_, ticks) => ticks.map((tick) => counts.format(tick)),
    },
  ];
}

/** Of the day under the pointer, else of the last one: the legend always has figures. */
function countOf(plot, count, line) {
  return (count ?? plot.data[line].at(-1) ?? 0).toLocaleString("en");
}

function series(isOneDay) {
  const lines = LINES.map(([, label, stroke]) => ({
    label,
    stroke,
    width: 2,
    points: { show: isOneDay },
    value: countOf,
  }));
  return [{ label: "Day", value: (plot, tick) => dayOf(tick ?? plot.data[0].at(-1)) }, ...lines];
}

function chartIn(box) {
  const { days, ...counts } = JSON.parse(box.dataset.chart);
  const at = days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
  const options = {
    width: box.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.05, 5)] } },
    axes: axes(getComputedStyle(box).color),
    legend: { markers: { fill: (_plot, line) => LINES[line - 1]?.[2] } },
    series: series(days.length < 2),
  };
  return new uPlot(options, [at, ...LINES.map(([name]) => counts[name])], box);
}

const box = document.querySelector("[data-chart]");
if (box && window.uPlot) {
  let chart = chartIn(box);
  const drawAgain = () => {
    chart.destroy();
    chart = chartIn(box);
  };
  new ResizeObserver(() => {
    if (chart.width !== box.clientWidth) chart.setSize({ width: box.clientWidth, height: HEIGHT });
  }).observe(box);
  matchMedia("print").addEventListener("change", drawAgain); // paper is light in both themes
  new MutationObserver(drawAgain).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-bs-theme"],
  });
}
