/* The report of an evaluation. */
import { clock, el, number, percent, plural, section, svg, table } from '../components/dom.js';
import { badge, EMOTIONS } from '../components/emotions.js';

const results = JSON.parse(document.getElementById('data').textContent), calibration = results.calibration;
document.getElementById('title').textContent = 'Evaluation';
document.getElementById('subtitle').textContent = `${plural(results.utterances, 'utterance')} in ${plural(results.files.length, 'recording')}, compared with ground truth`;

const figure = (what, value, more) => el('div', {}, el('dt', {}, what), el('dd', {}, value), more ? el('dd', { class: 'note soft' }, more) : null);

function confusion() {
  const rows = results.confusion_matrix.rows_true_columns_predicted, cells = EMOTIONS.map((e, i) => {
    const { support, missed } = results.classes[e];
    const cell = n => {
      const share = support ? n / support : 0, td = el('td', { class: 'cell' }, String(n), el('span', {}, support ? percent(share) : ''));
      td.style.setProperty('--share', share.toFixed(3));
      return td;
    };
    return el('tr', {}, el('th', { scope: 'row' }, badge(e)), rows[i].map(cell), results.missed ? cell(missed) : null);
  });
  return el('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': 'Confusion matrix' }, el('table', { class: 'confusion' }, el('caption', {}, 'Rows: what is true. Columns: what was predicted. Shares are of the row.'),
    el('thead', {}, el('tr', {}, el('td', {}), EMOTIONS.map(e => el('th', { scope: 'col' }, e)), results.missed ? el('th', { scope: 'col' }, 'missed') : null)), el('tbody', {}, cells)));
}

/* Bars: how often right at each confidence; the line: as it should be; dots: the bins' mean confidence. */
function reliability() {
  const size = 320, left = 44, x = v => left + v * size, y = v => 10 + (1 - v) * size, most = Math.max(1, ...calibration.bins.map(b => b.count));
  const text = (tx, ty, anchor, value) => svg('text', { class: 'tick', x: tx, y: ty, 'text-anchor': anchor }, value);
  const used = calibration.bins.filter(b => b.count);
  const root = svg('svg', { viewBox: `0 0 ${size + left + 24} ${size + 50}`, class: 'reliability', role: 'img',
    'aria-label': 'Reliability: ' + used.map(b => `at confidence ${percent(b.confidence)} right in ${percent(b.accuracy)} of ${b.count}`).join('; ') });
  for (const v of [0, 0.25, 0.5, 0.75, 1]) root.append(svg('line', { class: 'grid', x1: x(0), x2: x(1), y1: y(v), y2: y(v) }), text(left - 6, y(v) + 4, 'end', percent(v)), text(x(v), size + 28, 'middle', percent(v)));
  for (const b of used) {
    const width = (b.high - b.low) * size - 2;
    root.append(svg('rect', { class: 'bar', x: x(b.low) + 1, y: y(b.accuracy), width, height: b.accuracy * size, 'fill-opacity': 0.25 + 0.6 * b.count / most }));
  }
  root.append(svg('line', { class: 'ideal', x1: x(0), y1: y(0), x2: x(1), y2: y(1) }), text(x(0.5), size + 45, 'middle', 'confidence'));
  for (const b of used) root.append(svg('circle', { class: 'dot', cx: x(b.confidence), cy: y(b.accuracy), r: 4 }));
  return el('div', {}, root, el('p', { class: 'soft' }, 'How often the prediction was right at each confidence; darker bars count more utterances. On the dashed line confidence would be what it says.'));
}

const GROUPS = { speaker: 'By speaker', duration: 'By length', confidence: 'By how sure the words are' };

/* Older scores have no groups. */
function groups() {
  return Object.entries(GROUPS).filter(([k]) => results.groups && results.groups[k] && results.groups[k].length).map(([k, title]) => [el('h3', {}, title),
    table(title, [k, 'utterances', 'accuracy', 'mean recall', 'weighted F1'], results.groups[k].map(g => [g.name, String(g.utterances), percent(g.accuracy), percent(g.uar), number(g.weighted_f1, 3)]), [1, 2, 3, 4])]).flat();
}

const w = results.words;
document.getElementById('view').replaceWith(el('div', {},
  el('dl', { class: 'summary' }, figure('Accuracy', percent(results.accuracy)), figure('Mean recall', percent(results.uar)), figure('Weighted F1', number(results.weighted.f1, 3)),
    figure('Macro F1', number(results.macro.f1, 3)), figure('Calibration error', number(calibration.expected_calibration_error, 3)), w ? figure('Word error rate', number(w.wer * 100, 1) + ' %') : null),
  section('Confusion matrix', confusion()),
  section('Reliability', reliability()),
  section('Each emotion', table('Each emotion', ['emotion', 'precision', 'recall', 'F1', 'support', 'predicted', 'missed'], EMOTIONS.map(e => {
    const c = results.classes[e];
    return [badge(e), number(c.precision, 3), number(c.recall, 3), number(c.f1, 3), String(c.support), String(c.predicted), String(c.missed)];
  }), [1, 2, 3, 4, 5, 6])),
  ...(results.groups ? [section('Groups', ...groups())] : []),
  section('Recordings', table('Recordings', ['recording', 'utterances', 'right', 'missed', 'word error rate'], results.files.map(f => [f.file, String(f.utterances), String(f.correct), String(f.missed),
    f.words ? number(f.words.wer * 100, 1) + ' %' : '\u2013']), [1, 2, 3, 4])),
  section('Utterances that were judged otherwise', table('Utterances that were judged otherwise', ['recording', 'from', 'true', 'predicted', 'probability of the true one'],
    results.scores.filter(s => s.truth !== s.predicted).map(s => [s.file, s.start === null ? '' : clock(s.start), badge(s.truth), s.predicted ? badge(s.predicted) : 'missed',
      s.probabilities ? percent(s.probabilities[s.truth]) : '\u2013']), [1, 4]))));
