/* One lane a speaker, coloured and hatched by emotion, under the waveform; both share one scale and one scroll. */
import { clock, el, SHEET, svg } from './dom.js';
import { emotionName, emotionOf, hatchings, LETTER } from './emotions.js';
import { who } from './state.js';

const LANE = 32, GAP = 4, NAMES = 100, TICK = 40;

export function createTimeline(state, wave) {
  const drawing = el('div', {}), cursor = el('div', { class: 'cursor' });
  const track = el('div', { class: 'track-inner' }, wave, drawing, cursor);
  const scroll = el('div', { class: 'scroll', tabindex: 0, role: 'slider', 'aria-label': 'Position in the recording', 'aria-valuemin': 0,
    'aria-valuemax': Math.round(state.duration), 'aria-valuenow': 0, 'aria-valuetext': '0:00' }, track);
  const names = el('div', { class: 'names', 'aria-hidden': 'true' }, state.lanes.map(s => el('div', {}, s)));
  const zoomed = f => el('button', { type: 'button', class: 'small', 'aria-label': f > 1 ? 'Zoom in' : 'Zoom out', on: () => zoom(f) }, f > 1 ? '+' : '\u2212');
  let factor = 1, scale = 1, marks = [], seconds = 0;

  function mark(u, i) {
    const name = emotionOf(u), x = u.start * scale, w = Math.max(1.5, (u.end - u.start) * scale - 0.5);
    const box = { x, y: state.lanes.indexOf(who(u)) * LANE + GAP, width: w, height: LANE - 2 * GAP, rx: Math.min(4, w / 3) };
    const g = svg('g', { class: 'u u-' + name }, svg('rect', { class: 'e-' + name, ...box }),
      svg('rect', { class: 'hatch', fill: name === 'none' ? 'none' : `url(#h-${name})`, ...box }),
      svg('title', {}, `${clock(u.start)} ${who(u)}: ${emotionName(name)}. ${u.text}`));
    if (w > 14) g.append(svg('text', { class: 'on-colour', x: x + w / 2, y: box.y + LANE / 2, 'text-anchor': 'middle' }, LETTER[name]));
    g.dataset.index = i;
    g.classList.toggle('off', !state.shows(u));
    g.classList.toggle('now', i === state.current);
    return g;
  }
  function draw(printed) {
    const width = printed || Math.max(240, scroll.clientWidth) * factor, height = state.lanes.length * LANE;
    scale = width / state.duration;
    track.style.width = width + 'px';
    const root = svg('svg', { width, height: height + 20, viewBox: `0 0 ${width} ${height + 20}`, 'aria-hidden': 'true' }, hatchings());
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find(s => s * scale >= 72) || 7200;
    for (let t = 0; t < state.duration; t += step) {
      root.append(svg('line', { class: 'grid', x1: t * scale + 0.5, x2: t * scale + 0.5, y1: 0, y2: height + 4 }));
      if (width - t * scale > TICK) root.append(svg('text', { class: 'tick', x: t * scale + 3, y: height + 16 }, clock(t)));
    }
    state.lanes.forEach((s, i) => root.append(svg('rect', { class: 'lane', x: 0, y: i * LANE + GAP, width, height: LANE - 2 * GAP, rx: 4 })));
    marks = state.utterances.map(mark);
    root.append(...marks);
    drawing.replaceChildren(root);
    place(seconds);
  }
  function zoom(by) {
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scale;
    factor = Math.min(64, Math.max(1, factor * by));
    draw();
    scroll.scrollLeft = middle * scale - scroll.clientWidth / 2;
  }
  function place(t) {
    seconds = t;
    cursor.style.transform = `translateX(${(t * scale).toFixed(1)}px)`;
    scroll.setAttribute('aria-valuenow', String(Math.round(t)));
    scroll.setAttribute('aria-valuetext', clock(t));
    const x = t * scale;
    if (factor > 1 && (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth)) scroll.scrollLeft = x - scroll.clientWidth / 3;
  }
  track.addEventListener('click', event => {
    const g = event.target.closest('g.u');
    if (!g) { state.tell('seek', (event.clientX - track.getBoundingClientRect().left) / scale); return; }
    const i = Number(g.dataset.index);
    if (state.opened !== i) state.choose(i, true); else state.mark(i, true);
  });
  scroll.addEventListener('keydown', event => {
    const far = { ArrowLeft: -5, ArrowRight: 5, PageUp: 30, PageDown: -30, Home: -Infinity, End: Infinity }[event.key];
    if (far === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    state.tell('seek', Math.min(state.duration, Math.max(0, seconds + far)));
  });
  state.on('time', place);
  state.on('filter', () => state.utterances.forEach((u, i) => marks[i].classList.toggle('off', !state.shows(u))));
  state.on('current', (now, before) => {
    if (marks[before]) marks[before].classList.remove('now');
    if (marks[now]) marks[now].classList.add('now');
  });
  new ResizeObserver(() => draw()).observe(scroll);
  addEventListener('beforeprint', () => draw(SHEET - NAMES));
  addEventListener('afterprint', () => draw());
  return { element: el('div', { class: 'lanes' }, names, scroll), zoom: [zoomed(0.5), zoomed(2)] };
}
