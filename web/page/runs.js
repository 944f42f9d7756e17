/* Runs of `undertone run` beside the service: history, comparison, lineage. */
import { el, number, plural, section, table } from '../components/dom.js';
import { call, json } from './api.js';

const when = t => (t ? new Date(t * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }) : '\u2013');
const took = r => (r.ended ? number(r.ended - r.began, 1) + ' s' : '\u2013');
const status = s => el('span', { class: 'status-' + s }, s);
const short = id => (id ? id.slice(0, 12) : '');

export async function runs(show, signal) {
  const { runs: all } = await json('runs', { signal }), chosen = new Set();
  const compare = el('button', { type: 'button', disabled: true, on: () => { location.hash = '#/compare/' + [...chosen].join('/'); } }, 'Compare');
  const box = id => {
    const check = el('input', { type: 'checkbox', 'aria-label': `Compare run ${id}` });
    check.addEventListener('change', () => {
      if (check.checked) chosen.add(id); else chosen.delete(id);
      compare.disabled = chosen.size !== 2;
    });
    return check;
  };
  show(el('div', {}, el('h1', {}, 'Runs'), el('p', { class: 'soft' }, all.length ? `${plural(all.length, 'run')}, newest first. Choose two to compare them.` : 'No run was recorded yet.'),
    all.length ? [el('div', { class: 'bar' }, compare), table('Runs', ['compare', 'run', 'began', 'command', 'status', 'files', 'failed', 'took', 'version'],
      all.map(r => [box(r.id), el('a', { class: 'whole', href: '#/runs/' + r.id }, r.id), el('span', { class: 'whole' }, when(r.began)), r.pipeline, status(r.status), String(r.files), String(r.failed), took(r), r.version]), [5, 6, 7])] : null));
}

/* What a step made leads to its lineage. */
const made = hash => (/^[0-9a-f]{64}$/.test(hash || '') ? el('a', { class: 'whole', href: '#/lineage/' + hash }, el('code', {}, short(hash))) : value(hash));

/* A value of a record, whatever it is. */
const value = v => (v === null || v === undefined ? '\u2013' : typeof v === 'object' ? JSON.stringify(v) : String(v));

function pairs(object) {
  const rows = Object.entries(object || {}).map(([k, v]) => [k, v && typeof v === 'object' && 'value' in v ? value(v.value) + (v.origin ? ` (${v.origin})` : '') : value(v)]);
  return rows.length ? table('Names and values', ['name', 'value'], rows) : el('p', { class: 'soft' }, 'None.');
}

export async function run(id, show, signal) {
  const [{ run: r, steps }, { lines }] = await Promise.all([json(`runs/${id}`, { signal }), json(`runs/${id}/logs`, { signal })]);
  const item = (k, ...v) => el('div', {}, el('dt', {}, k), el('dd', {}, ...v));
  show(el('div', {}, el('h1', {}, 'Run ' + r.id), el('p', { class: 'soft' }, el('a', { href: '#/runs' }, 'All runs')),
    el('dl', { class: 'summary' }, item('Status', status(r.status)), item('Began', when(r.began)), item('Took', took(r)), item('Files', String(r.files)), item('Failed', String(r.failed))),
    section('Steps', table('Steps', ['conversation', 'step', 'status', 'seconds', 'made', 'what was wrong'], steps.map(s => [s.conversation, s.step, status(s.status), number(s.seconds, 2),
      made(s.output), s.error || '']), [3])),
    section('Settings', pairs(r.parameters)), section('Models', table('Models', ['for', 'model', 'SHA-256'], (r.models || []).map(m => [m.job, m.name, el('code', {}, short(m.sha256))]))), r.metrics ? section('Scores', pairs(Object.fromEntries(Object.entries(r.metrics).filter(e => typeof e[1] === 'number')))) : null,
    section('Log', lines.length ? el('pre', { class: 'log', tabindex: 0 }, lines.map(l => `${new Date(l.at * 1000).toISOString().slice(11, 19)} ${l.level} ${l.line}`).join('\n')) : el('p', { class: 'soft' }, 'Nothing was logged.'))));
}

export async function comparison(a, b, show, signal) {
  const c = await json(`runs/compare?a=${a}&b=${b}`, { signal });
  show(el('div', {}, el('h1', {}, 'Two runs'), el('p', { class: 'soft' }, el('a', { href: '#/runs' }, 'All runs')),
    c.differences.length ? table('Differences', ['what', 'name', ...[c.a.id, c.b.id].map(r => el('a', { class: 'whole', href: '#/runs/' + r }, r))],
      c.differences.map(d => [d.kind, d.name, ...[d.a, d.b].map(d.kind === 'step' ? made : value)])) : el('p', {}, 'They do not differ.')));
}

export async function lineage(artifact, show, signal) {
  const found = await json(`lineage?artifact=${artifact}`, { signal });
  const picture = URL.createObjectURL(await (await call(`lineage.svg?artifact=${artifact}`, { signal })).blob());
  show(el('div', {}, el('h1', {}, 'Lineage'), el('p', { class: 'soft' }, 'All that ', el('code', {}, short(artifact)), ' came from, and all that came from it. ', el('a', { href: '#/runs' }, 'All runs')),
    el('div', { class: 'lineage', tabindex: 0, role: 'group', 'aria-label': 'Picture of the lineage; the table below holds the same' }, el('img', { src: picture, alt: 'Lineage as a graph' })),
    section('Steps', table('Steps', ['conversation', 'step', 'run', 'from', 'made'], found.steps.map(s => [s.conversation, s.step, el('a', { class: 'whole', href: '#/runs/' + s.run }, s.run),
      s.inputs.map(i => el('span', { class: 'whole' }, `${i.name} `, made(i.sha256), ' ')), made(s.output)])))));
}
