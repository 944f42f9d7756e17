/* The service. A key, where it asks for one, is kept as long as the window. */
const KEY = 'undertone-key';
export const key = { get: () => sessionStorage.getItem(KEY), set: value => sessionStorage.setItem(KEY, value) };

export class Fault extends Error {
  constructor(status, body) {
    super(body.message || `the service answered ${status}`);
    Object.assign(this, { status, code: body.code, hint: body.hint || '' });
  }
}

export const headers = () => (key.get() ? { Authorization: 'Bearer ' + key.get() } : {});

export async function faultOf(status, text) {
  let body = {};
  try { body = JSON.parse(text); } catch { /* not this service's own answer */ }
  return new Fault(status, body);
}

export async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  } catch {
    throw new Fault(0, { message: 'The service does not answer.', hint: 'Is it still running?' });
  }
  if (!answer.ok) throw await faultOf(answer.status, await answer.text());
  return answer;
}

export const json = async (path, options) => (await call(path, options)).json();

/* The job again and again while it changes, by server-sent events; ends with its final state. */
export async function follow(id, changed, signal) {
  const answer = await call(`jobs/${id}/events`, { signal }), reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '', job = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return job;
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = text.slice(0, end).split('\n').filter(l => l.startsWith('data:')).map(l => l.slice(5)).join('\n');
      text = text.slice(end + 2);
      if (data) changed(job = JSON.parse(data));
    }
  }
}

/* Posts a form; `sent` hears the share that is on its way. Ends when the signal is aborted. */
export function upload(form, sent, signal) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open('POST', 'jobs');
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', e => { if (e.lengthComputable) sent(e.loaded / e.total); });
    request.addEventListener('load', async () => {
      if (request.status === 202) done(JSON.parse(request.responseText));
      else failed(await faultOf(request.status, request.responseText));
    });
    request.addEventListener('error', () => failed(new Fault(0, { message: 'The service does not answer.', hint: 'Is it still running?' })));
    request.addEventListener('abort', () => failed(new DOMException('cancelled', 'AbortError')));
    signal.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}

/* Gives a file of the service to the browser to keep. */
export async function download(path, name) {
  const url = URL.createObjectURL(await (await call(path)).blob()), a = document.createElement('a');
  Object.assign(a, { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
