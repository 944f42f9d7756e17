/* A recording on its way through the service, and its result. */
import { clock, el, percent, plural } from '../components/dom.js';
import { conversationView } from '../components/view.js';
import { call, download, follow, json, upload } from './api.js';

const STAGES = { transcribe: 'Listening', extract: 'Measuring', analyze: 'Judging' };
const FORMATS = [['html', 'Report', 'report.html'], ['json', 'Document', 'conversation.json'], ['csv', 'Table', 'utterances.csv'], ['srt', 'Subtitles, SRT', 'conversation.srt'],
  ['vtt', 'Subtitles, WebVTT', 'conversation.vtt'], ['txt', 'Text', 'conversation.txt'], ['tsv', 'Times, TSV', 'conversation.tsv'], ['rttm', 'Speaker times, RTTM', 'conversation.rttm'],
  ['TextGrid', 'Praat', 'conversation.TextGrid'], ['eaf', 'ELAN', 'conversation.eaf'], ['audacity', 'Audacity labels', 'conversation.audacity.txt']];
const OPTIONS = ['num_speakers', 'language', 'initial_prompt', 'channels'];
const PEAKS = 2000, DECODE_MOST = 64 * 1024 * 1024;

/* The recordings that this window has sent, by job: the service keeps none. */
const recordings = new Map();

function progressView(name, cancel) {
  const bar = el('progress', { max: 1, value: 0, 'aria-label': 'Progress' }), line = el('p', { class: 'soft figure' }, 'Sending \u2026');
  const steps = Object.fromEntries(Object.entries(STAGES).map(([k, v]) => [k, el('li', {}, v)]));
  const root = el('div', { class: 'job' }, el('h1', {}, name), bar, el('ul', { class: 'steps' }, Object.values(steps)), line,
    el('p', {}, el('button', { type: 'button', on: cancel }, 'Cancel')));
  function show(job) {
    bar.value = job.progress;
    const names = Object.keys(STAGES), at = names.indexOf(job.stage);
    names.forEach((n, i) => {
      steps[n].classList.toggle('done', i < at);
      if (i === at) steps[n].setAttribute('aria-current', 'step'); else steps[n].removeAttribute('aria-current');
    });
    line.textContent = job.status === 'queued' ? (job.position > 1 ? `Waiting; ${plural(job.position - 1, 'recording')} before this one` : 'Waiting for its turn') : percent(job.progress);
  }
  return { root, show, sending: share => { line.textContent = `Sending ${percent(share)}`; bar.removeAttribute('value'); } };
}

/* At the lowest rate that the browser has: an hour of one channel then takes 43 MB (Chromium) or 115 MB while it is looked
   at, and an outline needs no more. */
function decoder() {
  try {
    return new OfflineAudioContext(1, 1, 3000);
  } catch {
    return new OfflineAudioContext(1, 1, 8000); /* every browser has this one */
  }
}

/* The waveform of a file that is not too large to be decoded here. */
async function peaksOf(file) {
  if (!file || file.size > DECODE_MOST) return null;
  const sound = await decoder().decodeAudioData(await file.arrayBuffer());
  const all = Array.from({ length: sound.numberOfChannels }, (_, c) => sound.getChannelData(c)), width = Math.max(1, Math.ceil(sound.length / PEAKS)), peaks = [];
  for (let i = 0; i < sound.length; i += width) {
    let most = 0;
    for (const samples of all) for (let k = i; k < Math.min(i + width, samples.length); k++) most = Math.max(most, Math.abs(samples[k]));
    peaks.push(most);
  }
  return peaks;
}

function exportMenu(id, failed) {
  const menu = el('details', { class: 'menu' }, el('summary', { class: 'button' }, 'Export'), el('ul', {}, FORMATS.map(([format, name, file]) => el('li', {},
    el('button', { type: 'button', on: () => { menu.open = false; download(`jobs/${id}/export?format=${format}`, file).catch(failed); } }, name)))));
  menu.addEventListener('keydown', e => { if (e.key === 'Escape') { menu.open = false; menu.firstChild.focus(); } });
  return menu;
}

function resultView(job, data, labels, failed) {
  const file = recordings.get(job.id), audio = el('audio', { preload: 'metadata', src: file ? URL.createObjectURL(file) : null });
  const correct = job.labels && ((utterance, emotion) => json(`jobs/${job.id}/labels`, { method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ labels: [{ utterance, emotion }] }) }));
  const view = conversationView(data, { audio, correct, labels });
  const outline = of => peaksOf(of).then(peaks => peaks && view.player.setPeaks(peaks)).catch(() => { /* the levels stay */ });
  outline(file);
  view.state.on('picked', outline);
  const gone = el('button', { type: 'button', on: async () => { await call(`jobs/${job.id}`, { method: 'DELETE' }).catch(() => {}); recordings.delete(job.id); location.hash = '#/'; } }, 'Forget');
  return el('div', {}, el('div', { class: 'title' }, el('div', {}, el('h1', { tabindex: -1 }, job.file || 'Recording'),
    el('p', { class: 'soft' }, [clock(data.source.duration), plural(data.speakers.length, 'speaker'), data.language ? 'language ' + data.language : 'voice only'].join(' \u00b7 '))),
  el('div', { class: 'actions' }, exportMenu(job.id, failed), gone)), view.root);
}

/* "name [emotion]: text" a line, as the service's conversation_history. */
function historyOf(lines) {
  return lines.split('\n').map((line, i) => ({ line: line.trim(), number: i + 1 })).filter(l => l.line).map(({ line, number }) => {
    const turn = /^([^:[\]]+?)\s*(?:\[(\S+)\])?\s*:\s*(.+)$/.exec(line);
    if (!turn) throw Object.assign(new Error(`Line ${number} of the turns before the recording does not say who spoke.`), { hint: 'Write it as \u201cname: what was said\u201d.' });
    return { speaker: turn[1], text: turn[3], ...(turn[2] ? { emotion: turn[2] } : {}) };
  });
}

function formOf(file) {
  const form = new FormData(), history = historyOf(document.getElementById('history').value);
  if (history.length) form.append('context', JSON.stringify({ conversation_history: history }));
  for (const name of OPTIONS) {
    const value = document.getElementById(name).value.trim();
    if (value) form.append(name, value);
  }
  form.append('audio_file', file, file.name);
  return form;
}

/* Sends a recording and goes to its job's place. */
export async function send(file, show, signal) {
  const form = formOf(file), view = progressView(file.name, () => signal.cancel());
  show(view.root);
  const job = await upload(form, view.sending, signal);
  recordings.set(job.id, file);
  return job.id;
}

/* Follows a job to its end and shows what became of it. `say` tells a screen reader. */
export async function watch(id, show, say, failed, signal) {
  let job = await json(`jobs/${id}`, { signal }), stage = null;
  if (job.status === 'queued' || job.status === 'running') {
    const view = progressView(job.file || 'Recording', async () => { await call(`jobs/${id}`, { method: 'DELETE' }).catch(() => {}); location.hash = '#/'; });
    show(view.root);
    job = await follow(id, now => {
      view.show(now);
      if (now.stage && now.stage !== stage) say(STAGES[stage = now.stage]);
    }, signal);
  }
  if (job.status === 'cancelled') { location.hash = '#/'; return; }
  if (job.status === 'failed') throw Object.assign(new Error(job.error.message), job.error);
  const [{ conversation }, { labels }] = await Promise.all([json(`jobs/${id}/result`, { signal }), json(`jobs/${id}/labels`, { signal })]);
  const root = resultView(job, conversation, labels, failed);
  show(root);
  say(`Done: ${plural(conversation.utterances.length, 'utterance')}.`);
  root.querySelector('h1').focus({ preventScroll: true });
}
