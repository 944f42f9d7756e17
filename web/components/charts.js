/* How the emotions went (uPlot): one stacked chart a speaker, with the cursor of the recording. */
import { clock, el, percent, SHEET } from './dom.js';
import { badge, canvasFill, colour, EMOTIONS, leading } from './emotions.js';
import { who } from './state.js';

const POINTS = 120;

/* The shares of the emotions at POINTS + 1 times: a mean over utterances, weighted by length and, with a Gaussian of a
   thirtieth of the whole, by nearness. */
export function arc(utterances, duration) {
  const sigma = duration / 30;
  return Array.from({ length: POINTS + 1 }, (_, k) => {
    const t = duration * k / POINTS, sum = EMOTIONS.map(() => 0);
    let all = 1e-12;
    for (const u of utterances) {
      const far = t < u.start ? u.start - t : t > u.end ? t - u.end : 0;
      const w = Math.exp(-0.5 * (far / sigma) ** 2) * (u.end - u.start) + 1e-9;
      all += w;
      EMOTIONS.forEach((e, j) => { sum[j] += w * u.emotion.probabilities[e]; });
    }
    return sum.map(v => v / all);
  });
}

/* `shares`: [points][5]; `times`: their x. Stacked from the last emotion up, so that sad lies at the top. */
function stackedChart(box, width, times, shares, format, named, readout) {
  const sums = shares.map(row => { let s = 0; return [...row].reverse().map(v => (s += v)).reverse(); });
  const data = [times, ...EMOTIONS.map((_, j) => sums.map(row => row[j]))];
  const axis = { stroke: () => colour('soft'), grid: { show: false }, ticks: { stroke: () => colour('line'), size: 4 }, font: '12px system-ui, sans-serif' };
  return new globalThis.uPlot({
    width: Math.max(200, width), height: 132, legend: { show: false }, padding: [6, 8, 0, 0],
    scales: { x: { time: false }, y: { range: [0, 1] } },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    axes: [{ ...axis, size: 26, space: 70, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600], values: (u, v) => v.map(format) },
      { ...axis, size: 50, values: (u, v) => v.map(p => Math.round(p * 100) + ' %'), splits: () => [0, 0.5, 1] }],
    series: [{}, ...EMOTIONS.map(e => ({ label: e, width: 1, stroke: () => colour('card'), fill: u => canvasFill(u.ctx, e), points: { show: false } }))],
    hooks: { setCursor: [u => {
      const i = u.cursor.idx;
      readout.textContent = i === null || i === undefined ? '' : `${named(times[i])}: ` + EMOTIONS.map((e, j) => [e, shares[i][j]]).filter(p => p[1] >= 0.05)
        .sort((a, b) => b[1] - a[1]).map(p => `${p[0]} ${percent(p[1])}`).join(', ');
    }] },
  }, data, box);
}

/* One such chart in a figure, drawn anew when the width or the colours change. `format` is for the axis, `named` for what
   is pointed at. */
export function emotionChart(label, times, shares, format, onClick, named = format) {
  const readout = el('p', { class: 'readout soft', 'aria-hidden': 'true' }), said = EMOTIONS.map((e, j) => shares.reduce((s, r) => s + r[j], 0) / shares.length);
  const mean = Object.fromEntries(EMOTIONS.map((e, j) => [e, said[j]]));
  const box = el('div', { class: 'chart', role: 'img', 'aria-label': `Emotions over time, ${label}: mostly ${leading(mean)}; ` + EMOTIONS.map(e => `${e} ${percent(mean[e])}`).join(', ') });
  let plot = null, width = 0;
  function draw(most = Infinity) {
    if (plot) plot.destroy();
    plot = stackedChart(box, Math.min(most, width), times, shares, format, named, readout);
    if (onClick) plot.over.addEventListener('click', () => { if (plot.cursor.idx !== null) onClick(times[plot.cursor.idx]); });
  }
  new ResizeObserver(() => { if (box.clientWidth && box.clientWidth !== width) { width = box.clientWidth; draw(); } }).observe(box);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (width) draw(); });
  addEventListener('beforeprint', () => { if (width) draw(SHEET); });
  addEventListener('afterprint', () => { if (width) draw(); });
  return el('figure', {}, el('figcaption', {}, label), box, readout);
}

export const legend = () => el('p', { class: 'legend' }, EMOTIONS.map(e => badge(e)));

export function emotionArcs(state) {
  return state.lanes.map(s => {
    const own = state.utterances.filter(u => who(u) === s && u.emotion);
    if (!own.length) return null;
    const times = Array.from({ length: POINTS + 1 }, (_, k) => state.duration * k / POINTS);
    return emotionChart(s, times, arc(own, state.duration), clock, t => state.tell('seek', t));
  }).filter(Boolean);
}
