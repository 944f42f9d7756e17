/* Why an utterance was judged so. */
import { clock, el, number, percent, table } from './dom.js';
import { badge, bars, EMOTIONS, leading } from './emotions.js';
import { who } from './state.js';

const EXPERT = { acoustic: 'voice', text: 'words', context: 'turns around', retrieval: 'labelled examples', language_model: 'language model' };

function experts(e) {
  const rows = Object.keys(e.opinions).map(x => {
    const p = e.opinions[x].probabilities;
    return [EXPERT[x] || x, percent(e.opinions[x].weight), badge(leading(p)), ...EMOTIONS.map(k => percent(p[k]))];
  });
  const reasons = Object.keys(e.opinions).filter(x => e.opinions[x].reason).map(x => el('p', { class: 'soft' }, `${EXPERT[x]}: ${e.opinions[x].reason}`));
  return rows.length ? [el('h3', {}, 'Opinions of the experts'), table('Opinions of the experts', ['expert', 'weight', 'thinks', ...EMOTIONS], rows, [1, 3, 4, 5, 6, 7]), ...reasons] : [];
}

/* Not a word a line on a telephone. */
const wide = (...what) => el('div', { class: 'wide' }, ...what);

const LONG = 120;
const quoted = text => (text ? `: \u201c${text.length > LONG ? text.slice(0, LONG) + '\u2026' : text}\u201d` : '');

/* A turn that was leaned on: of the recording, or of those before it (below 0). */
function turn(state, cue) {
  const at = Math.round(cue.value), u = state.utterances[at], earlier = state.data.history || [], t = earlier[earlier.length + at];
  if (at >= 0 && u) return [cue.text, ` (${who(u)}, `, el('button', { type: 'button', class: 'link figure', on: () => state.choose(at, true) }, clock(u.start)), ')', quoted(u.text)];
  return at < 0 && t ? [cue.text, ` (${t.speaker}, before the recording)`, quoted(t.text)] : [cue.text];
}

/* A measurement of the voice has its distance from the usual, a word has neither, a turn its place as value. */
function cueRow(state, cue) {
  const points = Math.round(cue.effect * 100), effect = (points > 0 ? '+' : points < 0 ? '\u2212' : '') + Math.abs(points) + ' %';
  if (cue.relative !== null) return [wide(cue.text, el('span', { class: 'soft' }, ' ' + cue.name)), number(cue.value), number(cue.relative), effect];
  return [cue.value === null ? wide(`\u201c${cue.name}\u201d`, el('span', { class: 'soft' }, ' ' + cue.text)) : wide(...turn(state, cue)), '', '', effect];
}

function evidence(state, e) {
  const parts = [], { cues, examples } = e.evidence;
  if (cues.length) parts.push(el('h3', {}, 'Cues'), table('Cues', ['cue', 'value', 'against usual', 'effect'], cues.map(c => cueRow(state, c)), [1, 2, 3]));
  if (examples.length) parts.push(el('h3', {}, 'Nearest labelled examples'), table('Nearest labelled examples', ['example', 'label', 'distance', 'from'],
    examples.map(x => [wide(x.text), badge(x.label), number(x.distance, 3), x.source]), [2]));
  return parts;
}

/* Nine of ten that are truly so have the label in their set. */
const labelSet = e => (e.label_set ? [el('p', { class: 'soft' }, 'Cannot be ruled out: ', ...e.label_set.map(name => badge(name)))] : []);

/* `correct(emotion)` resolves when the label is kept, or rejects with why not. */
function correction(state, i, correct) {
  const u = state.utterances[i];
  const said = el('p', { class: 'soft', role: 'status' });
  const buttons = EMOTIONS.map(name => el('button', { type: 'button', 'aria-pressed': String(u.corrected === name), on: async () => {
    said.textContent = 'Saving \u2026';
    try {
      await correct(name);
      state.correct(i, name);
      buttons.forEach((b, k) => b.setAttribute('aria-pressed', String(EMOTIONS[k] === name)));
      said.textContent = `Kept as ${name}: an example for every later analysis here.`;
    } catch (problem) {
      said.textContent = problem.message;
    }
  } }, badge(name)));
  return [el('h3', {}, 'Is it something else?'), el('div', { class: 'chips', role: 'group', 'aria-label': 'Correct the emotion' }, buttons), said];
}

export function details(state, i, correct) {
  const u = state.utterances[i], e = u.emotion, sure = [];
  if (u.text_confidence !== null) sure.push(`Words ${percent(u.text_confidence)} sure.`);
  if (u.speaker_confidence !== null) sure.push(`Speaker ${percent(u.speaker_confidence)} sure.`);
  const box = el('div', { class: 'more' });
  if (!e) box.append(el('p', { class: 'soft' }, 'No emotion was judged here.'));
  else if (e.explanation) box.append(el('p', { class: 'why' }, e.explanation));
  if (sure.length) box.append(el('p', { class: 'soft' }, sure.join(' ')));
  if (e) box.append(el('h3', {}, 'Probabilities'), bars(e.probabilities), ...labelSet(e), ...(correct ? correction(state, i, correct) : []), ...experts(e), ...evidence(state, e));
  const names = Object.keys(u.features);
  if (names.length) box.append(el('details', {}, el('summary', {}, names.length + ' acoustic features'), table('Acoustic features',
    ['feature', 'value', 'against usual'], names.map(n => [n, number(u.features[n].value, 4), number(u.features[n].relative)]), [1, 2])));
  return box;
}
