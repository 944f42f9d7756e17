const data = JSON.parse(document.getElementById('data').textContent);
const EMOTIONS = ['sad', 'happy', 'angry', 'neutral', 'non-neutral'];
const LETTER = { sad: 'S', happy: 'H', angry: 'A', neutral: 'N', 'non-neutral': 'X' };
const EXPERT = { acoustic: 'voice', text: 'words', context: 'context', retrieval: 'labelled examples', language_model: 'language model' };
const utterances = data.utterances, speakers = data.speakers;
const duration = Math.max(data.source.duration || 0, ...[0].concat(utterances.slice(-1).map(u => u.end))) || 1;
const $ = id => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

/* Elements are only ever made of nodes and text, so that nothing in a conversation is read as markup. */
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const k in attributes || {}) {
    if (k === 'width%') e.style.width = attributes[k] + '%';
    else if (k === 'on') e.addEventListener('click', attributes[k]);
    else e.setAttribute(k, attributes[k]);
  }
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}
function svg(tag, attributes, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const k in attributes || {}) e.setAttribute(k, attributes[k]);
  e.append(...children);
  return e;
}
const emotionOf = u => u.emotion ? u.emotion.label : 'none';
const percent = p => Math.round(p * 100) + ' %';
const who = u => u.speaker === null ? 'unknown' : u.speaker;
function clock(t) {
  const s = Math.floor(t), h = Math.floor(s / 3600), two = n => String(n).padStart(2, '0');
  return (h ? h + ':' + two(Math.floor(s / 60) % 60) : String(Math.floor(s / 60))) + ':' + two(s % 60);
}
function letter(name) {
  return el('span', { class: 'letter e-' + name, 'aria-hidden': 'true' }, LETTER[name] || '?');
}
function badge(name) {
  return el('span', { class: 'badge' }, letter(name), name === 'none' ? 'not judged' : name);
}

/* ---- head and player */
document.title = data.id + ' - Undertone';
$('title').textContent = data.id;
$('subtitle').textContent = [clock(duration), speakers.length + (speakers.length === 1 ? ' speaker' : ' speakers'),
  utterances.length + (utterances.length === 1 ? ' utterance' : ' utterances'),
  data.language ? 'language ' + data.language : 'voice only'].join(' \u00b7 ');
const audio = $('audio') || el('audio', { controls: '', preload: 'metadata', 'aria-label': 'Recording' });
const follow = el('input', { type: 'checkbox', checked: '' });
const player = $('player');
if (audio.hasAttribute('src')) {
  player.append(audio);
} else {
  const pick = el('input', { type: 'file', accept: 'audio/*,video/*' });
  pick.addEventListener('change', () => {
    if (!pick.files.length) return;
    audio.src = URL.createObjectURL(pick.files[0]);
    player.prepend(audio);
  });
  player.append(el('label', {}, 'Recording (' + data.source.file + '), to listen: ', pick));
}
player.append(el('label', {}, follow, ' follow'));

/* ---- transcript */
const rows = [], marks = [];
let current = -1, opened = -1;
const hidden = new Set();
function bars(probabilities) {
  const box = el('div', { class: 'bars' });
  for (const name of EMOTIONS) {
    const p = probabilities[name];
    box.append(badge(name), el('div', { class: 'track', role: 'img', 'aria-label': name + ' ' + percent(p) },
      el('div', { class: 'e-' + name, 'width%': p * 100 })), el('span', { class: 'percent' }, percent(p)));
  }
  return box;
}
function table(head, body) {
  const cell = (tag, v) => el(tag, typeof v === 'number' ? { class: 'n' } : {}, typeof v === 'number' ? String(v) : v);
  return el('div', { class: 'table' }, el('table', {}, el('thead', {}, el('tr', {}, ...head.map(h => el('th', {}, h)))),
    el('tbody', {}, ...body.map(r => el('tr', {}, ...r.map(v => cell('td', v)))))));
}
function number(v, digits) {
  return v === null || v === undefined ? '' : Number(v.toFixed(digits === undefined ? 2 : digits));
}
function details(u) {
  const box = el('div', { class: 'more' }), e = u.emotion;
  const sure = u.text_confidence === null ? '' : 'Words ' + percent(u.text_confidence) + ' sure. ';
  const voice = u.speaker_confidence === null ? '' : 'Speaker ' + percent(u.speaker_confidence) + ' sure.';
  if (!e) {
    box.append(el('p', { class: 'soft' }, 'No emotion was judged here. ' + sure + voice));
  } else {
    if (e.explanation) box.append(el('p', {}, e.explanation));
    if (sure + voice) box.append(el('p', { class: 'soft' }, sure + voice));
    box.append(el('h3', {}, 'Probabilities'), bars(e.probabilities));
    const experts = Object.keys(e.opinions);
    if (experts.length) box.append(el('h3', {}, 'Opinions of the experts'), table(['expert', 'weight', 'thinks'].concat(EMOTIONS),
      experts.map(x => {
        const p = e.opinions[x].probabilities;
        return [EXPERT[x] || x, percent(e.opinions[x].weight), badge(EMOTIONS.reduce((a, b) => p[b] > p[a] ? b : a))]
          .concat(EMOTIONS.map(k => percent(p[k])));
      })));
    if (e.evidence.cues.length) box.append(el('h3', {}, 'Cues'), table(['cue', '', 'value', 'against usual', 'effect'],
      e.evidence.cues.map(c => [c.name, c.text, number(c.value), number(c.relative), (c.effect > 0 ? '+' : '') + number(c.effect)])));
    if (e.evidence.examples.length) box.append(el('h3', {}, 'Nearest labelled examples'), table(['example', 'label', 'distance', 'from'],
      e.evidence.examples.map(x => [x.text, badge(x.label), number(x.distance, 3), x.source])));
  }
  const names = Object.keys(u.features);
  if (names.length) box.append(el('details', {}, el('summary', {}, names.length + ' acoustic features'),
    table(['feature', 'value', 'against usual'], names.map(n => [n, number(u.features[n].value, 4), number(u.features[n].relative)]))));
  return box;
}
function open(i) {
  if (opened >= 0) {
    rows[opened].lastChild.remove();
    rows[opened].firstChild.setAttribute('aria-expanded', 'false');
  }
  const same = opened === i;
  opened = same ? -1 : i;
  if (same) return;
  rows[i].append(details(utterances[i]));
  rows[i].firstChild.setAttribute('aria-expanded', 'true');
}
function mark(i, scroll) {
  if (current === i) return;
  for (const [at, on] of [[current, false], [i, true]]) {
    if (at < 0) continue;
    rows[at].classList.toggle('now', on);
    marks[at].classList.toggle('now', on);
  }
  current = i;
  if (i >= 0 && scroll && !rows[i].hidden) rows[i].scrollIntoView({ block: 'center' });
}
function choose(i, scroll) {
  if (audio.hasAttribute('src')) audio.currentTime = utterances[i].start;
  mark(i, scroll);
  open(i);
}
const list = document.createDocumentFragment();
utterances.forEach((u, i) => {
  const e = emotionOf(u);
  const row = el('button', { class: 'row', 'aria-expanded': 'false', on: () => choose(i, false) },
    el('span', { class: 'time' }, clock(u.start)), el('span', { class: 'who' }, who(u)),
    el('span', { class: 'said' }, u.text || el('span', { class: 'soft' }, 'no words recognised')),
    el('span', { class: 'badge' }, badge(e), u.emotion ? el('span', { class: 'percent' }, percent(u.emotion.probabilities[e])) : null));
  rows.push(el('li', {}, row));
  list.append(rows[i]);
});
$('list').append(list);

/* ---- timeline: letters and hatchings beside colours */
const LANE = 34, lanes = speakers.concat(utterances.some(u => u.speaker === null) ? ['unknown'] : []);
for (const s of lanes) $('names').append(el('div', {}, s));
function hatching(name) {
  const p = svg('pattern', { id: 'h-' + name, width: 6, height: 6, patternUnits: 'userSpaceOnUse' });
  const d = { sad: 'M0 3H6', angry: 'M0 6L6 0', happy: 'M3 2.9V3.1', 'non-neutral': 'M3 0V6' }[name];
  if (d) p.append(svg('path', { d, stroke: '#fff', 'stroke-opacity': .45, 'stroke-width': name === 'happy' ? 2.4 : 1.2, 'stroke-linecap': 'round' }));
  return p;
}
let zoom = 1, cursor = null, scale = 1;
function drawTimeline() {
  const box = $('timeline'), width = Math.max(240, box.clientWidth - 2) * zoom, height = lanes.length * LANE;
  scale = width / duration;
  const root = svg('svg', { width, height: height + 20, viewBox: `0 0 ${width} ${height + 20}` });
  root.append(svg('defs', {}, ...EMOTIONS.map(hatching)));
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find(s => s * scale >= 70) || 7200;
  for (let t = 0; t <= duration; t += step) root.append(
    svg('line', { class: 'grid', x1: t * scale, x2: t * scale, y1: 0, y2: height + 4 }),
    svg('text', { class: 'tick', x: t * scale + 2, y: height + 16 }, clock(t)));
  lanes.forEach((s, i) => root.append(svg('rect', { class: 'lane', x: 0, y: i * LANE + 4, width, height: LANE - 8, 'fill-opacity': .6 })));
  utterances.forEach((u, i) => {
    const name = emotionOf(u), x = u.start * scale, w = Math.max(1, (u.end - u.start) * scale - .5);
    const box = { x, y: lanes.indexOf(who(u)) * LANE + 4, width: w, height: LANE - 8, rx: Math.min(3, w / 3) };
    const g = svg('g', { class: 'u u-' + name }, svg('rect', Object.assign({ class: 'e-' + name }, box)),
      svg('rect', Object.assign({ class: 'hatch', fill: name === 'none' ? 'none' : `url(#h-${name})` }, box)),
      svg('title', {}, `${clock(u.start)} ${who(u)}: ${name === 'none' ? 'not judged' : name}. ${u.text}`));
    if (w > 13) g.append(svg('text', { class: 'on-dark', x: x + w / 2, y: box.y + LANE / 2, 'text-anchor': 'middle' }, LETTER[name] || ''));
    g.addEventListener('click', () => { if (opened !== i) choose(i, true); else mark(i, true); });
    g.classList.toggle('off', !!rows[i].hidden);
    g.classList.toggle('now', i === current);
    marks[i] = g;
    root.append(g);
  });
  cursor = svg('line', { class: 'cursor', x1: -5, x2: -5, y1: 0, y2: height });
  root.append(cursor);
  box.replaceChildren(root);
}
drawTimeline();
$('in').addEventListener('click', () => { zoom = Math.min(32, zoom * 2); drawTimeline(); });
$('out').addEventListener('click', () => { zoom = Math.max(1, zoom / 2); drawTimeline(); });
let lastWidth = innerWidth;
addEventListener('resize', () => { if (innerWidth !== lastWidth) { lastWidth = innerWidth; drawTimeline(); drawArcs(); } });

/* ---- filters */
function filter() {
  let shown = 0;
  utterances.forEach((u, i) => {
    const off = hidden.has('e:' + emotionOf(u)) || hidden.has('s:' + who(u));
    rows[i].hidden = off;
    marks[i].classList.toggle('off', off);
    shown += !off;
  });
  $('none').hidden = shown > 0;
}
function chip(key, ...content) {
  const b = el('button', { 'aria-pressed': 'true', on: () => {
    const off = !hidden.delete(key) && hidden.add(key);
    b.setAttribute('aria-pressed', String(!off));
    filter();
  } }, ...content);
  return b;
}
const count = f => utterances.filter(f).length;
for (const name of EMOTIONS.concat(utterances.some(u => !u.emotion) ? ['none'] : []))
  $('by-emotion').append(chip('e:' + name, el('span', { class: 'badge' }, badge(name), el('span', { class: 'percent' }, String(count(u => emotionOf(u) === name))))));
for (const s of lanes) $('by-speaker').append(chip('s:' + s, s + ' ', el('span', { class: 'percent' }, String(count(u => who(u) === s)))));

/* ---- talk time, emotion over time */
const seconds = (s, e) => utterances.reduce((t, u) => t + (who(u) === s && (!e || emotionOf(u) === e) ? u.end - u.start : 0), 0);
const spoken = lanes.reduce((t, s) => t + seconds(s), 0) || 1;
for (const s of lanes) {
  const own = seconds(s) || 1, stack = el('div', { class: 'stack', role: 'img',
    'aria-label': s + ': ' + EMOTIONS.map(e => e + ' ' + percent(seconds(s, e) / own)).join(', ') });
  for (const e of EMOTIONS) stack.append(el('div', { class: 'e-' + e, 'width%': seconds(s, e) / own * 100, title: e + ' ' + percent(seconds(s, e) / own) }));
  $('talk').append(el('span', {}, s), stack, el('span', { class: 'percent' }, clock(seconds(s)) + ' \u00b7 ' + percent(seconds(s) / spoken)));
}
function drawArcs() {
  $('arc').replaceChildren();
  const width = Math.max(200, $('arc').clientWidth), height = 64, points = 80, sigma = duration / 30;
  for (const s of lanes) {
    const own = utterances.filter(u => who(u) === s && u.emotion);
    if (!own.length) continue;
    const shares = [];
    for (let k = 0; k <= points; k++) {
      const t = duration * k / points, sum = EMOTIONS.map(() => 0);
      let all = 1e-12;
      for (const u of own) {
        const far = t < u.start ? u.start - t : t > u.end ? t - u.end : 0;
        const w = Math.exp(-.5 * (far / sigma) ** 2) * (u.end - u.start) + 1e-9;
        all += w;
        EMOTIONS.forEach((e, j) => { sum[j] += w * u.emotion.probabilities[e]; });
      }
      shares.push(sum.map(v => v / all));
    }
    const root = svg('svg', { width, height, role: 'img', 'aria-label': 'Share of each emotion over time for ' + s });
    let base = shares.map(() => 0);
    EMOTIONS.forEach((e, j) => {
      const top = shares.map((v, k) => base[k] + v[j]);
      const at = (v, k) => (k / points * width).toFixed(1) + ',' + ((1 - v) * height).toFixed(1);
      root.append(svg('path', { class: 'e-' + e, d: 'M' + top.map(at).join('L') + 'L' + base.map(at).reverse().join('L') + 'Z' }, svg('title', {}, e)));
      base = top;
    });
    $('arc').append(el('h3', {}, s), root);
  }
}
drawArcs();

/* ---- provenance */
const made = (k, v) => { if (v) $('made').append(el('dt', {}, k), el('dd', {}, v)); };
made('Recording', `${data.source.file}, ${data.source.rate} Hz, ${data.source.channels === 1 ? 'one channel' : data.source.channels + ' channels'}`);
made('SHA-256', data.source.sha256 && el('code', {}, data.source.sha256));
for (const m of data.provenance.models) made('Model: ' + m.job, el('span', {}, m.name + ' ', m.sha256 ? el('code', { class: 'soft' }, m.sha256) : ''));
made('Settings', Object.entries(data.provenance.settings).map(([k, v]) => k + '=' + v).join(', '));
for (const n of data.provenance.notes) made('Note', n);
made('Undertone', data.provenance.version);

/* ---- following the recording; keys */
function utteranceAt(t) {
  let low = 0, high = utterances.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (utterances[middle].start <= t) low = middle + 1; else high = middle;
  }
  for (let i = low - 1; i >= 0 && i > low - 6; i--) if (t < utterances[i].end) return i;
  return -1;
}
audio.addEventListener('timeupdate', () => {
  if (cursor) for (const x of ['x1', 'x2']) cursor.setAttribute(x, audio.currentTime * scale);
  mark(utteranceAt(audio.currentTime), follow.checked && !audio.paused);
});
addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|AUDIO|SUMMARY)$/.test(event.target.tagName)) return;
  const key = event.key, direction = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0;
  if (direction) {
    let i = current + direction;
    while (rows[i] && rows[i].hidden) i += direction;
    if (!rows[i]) return;
    rows[i].firstChild.focus({ preventScroll: true });
    choose(i, true);
  } else if (key === ' ' && audio.hasAttribute('src') && event.target.tagName !== 'BUTTON') {
    if (audio.paused) audio.play(); else audio.pause();
  } else if ((key === 'ArrowLeft' || key === 'ArrowRight') && audio.hasAttribute('src') && event.target.id !== 'timeline') {
    audio.currentTime = Math.max(0, audio.currentTime + (key === 'ArrowLeft' ? -5 : 5));
  } else {
    return;
  }
  event.preventDefault();
});

/* report.html#u12 opens at utterance 12. */
const wanted = /^#u(\d+)$/.exec(location.hash);
if (wanted && rows[Number(wanted[1])]) choose(Number(wanted[1]), true);
