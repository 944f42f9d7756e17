/* The page: where one is (the part of the address behind #), and what is shown there. */
import { el } from '../components/dom.js';
import { key } from './api.js';
import { send, watch } from './job.js';
import { setUpRecorder } from './recorder.js';
import { comparison, lineage, run, runs } from './runs.js';

const start = document.getElementById('start'), place = document.getElementById('place'), said = document.getElementById('said');
let leaving = new AbortController();

const say = text => { said.textContent = text; };
function show(...nodes) {
  start.hidden = nodes.length > 0;
  place.replaceChildren(...nodes);
}

/* What went wrong, beside what is there. A service with keys asks for one. */
function failed(problem) {
  if (problem.name === 'AbortError') return;
  place.querySelectorAll('.fault').forEach(f => f.remove());
  const asks = problem.status === 401, alone = start.hidden && !place.querySelector('h1');
  const box = el('div', { class: 'fault', role: 'alert' }, alone ? el('h1', {}, asks ? 'This service asks for a key' : 'This cannot be shown') : null, el('p', {}, problem.message), problem.hint ? el('p', { class: 'soft' }, problem.hint) : null);
  if (asks) {
    const field = el('input', { type: 'password', 'aria-label': 'Key', autocomplete: 'off', placeholder: 'ut_\u2026' });
    const form = el('form', { class: 'bar' }, field, el('button', { type: 'submit' }, 'Use this key'));
    form.addEventListener('submit', event => { event.preventDefault(); key.set(field.value.trim()); box.remove(); go(); });
    box.append(form);
  }
  place.prepend(box);
}

/* A new place: what the old one waited for is given up. */
function leave() {
  leaving.abort();
  leaving = new AbortController();
  leaving.signal.cancel = () => { leave(); show(); };
  scrollTo(0, 0);
  return leaving.signal;
}

async function go() {
  const [, where, id, other] = location.hash.split('/'), signal = leave();
  document.getElementById('nav-start').toggleAttribute('aria-current', !where || where === 'job');
  document.getElementById('nav-runs').toggleAttribute('aria-current', ['runs', 'compare', 'lineage'].includes(where));
  document.title = 'Undertone';
  try {
    if (where === 'job') await watch(id, show, say, failed, signal);
    else if (where === 'runs' && id) await run(id, show, signal);
    else if (where === 'runs') await runs(show, signal);
    else if (where === 'compare') await comparison(id, other, show, signal);
    else if (where === 'lineage') await lineage(id, show, signal);
    else show();
  } catch (problem) {
    if (signal.aborted) return;
    show();
    start.hidden = ['runs', 'compare', 'lineage'].includes(where);
    failed(problem);
  }
}

async function analyse(file) {
  const signal = leave();
  try {
    location.hash = '#/job/' + await send(file, show, signal);
  } catch (problem) {
    if (signal.aborted) return;
    show();
    failed(problem);
  }
}

const drop = document.getElementById('drop'), input = document.getElementById('file');
input.addEventListener('change', () => { if (input.files.length) analyse(input.files[0]); input.value = ''; });
for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) addEventListener(type, event => {
  event.preventDefault();
  drop.classList.toggle('over', type === 'dragenter' || type === 'dragover');
  if (type === 'drop' && event.dataTransfer.files.length) analyse(event.dataTransfer.files[0]);
});
setUpRecorder(analyse, failed);
addEventListener('hashchange', go);
go();
