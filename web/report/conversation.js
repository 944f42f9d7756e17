/* The report of one conversation: its data stand in the page. */
import { clock, plural } from '../components/dom.js';
import { conversationView } from '../components/view.js';

const page = JSON.parse(document.getElementById('data').textContent), shown = page.conversation;
document.getElementById('title').textContent = shown.id;
document.getElementById('subtitle').textContent = [shown.source.file, clock(shown.source.duration), plural(shown.speakers.length, 'speaker'),
  shown.language ? 'language ' + shown.language : 'voice only'].join(' \u00b7 ');
const view = conversationView(shown, { audio: document.getElementById('audio'), peaks: page.peaks && page.peaks.map(p => p / 100) });
document.getElementById('view').replaceWith(view.root);

/* report.html#u12 opens at utterance 12. */
const wanted = /^#u(\d+)$/.exec(location.hash);
if (wanted && shown.utterances[Number(wanted[1])]) view.state.choose(Number(wanted[1]), true);
