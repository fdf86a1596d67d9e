/* The browser's side of recorder.py: a camera, a microphone and a field for files, as an anywidget.

The kernel asks for what is recorded piece by piece, and each comes as a binary message; so neither
side ever holds more than one piece of a file, however large it is. */

const PIECE = 4e6; // bytes; Jupyter passes on messages of up to 10 MB
const PATIENCE = 6000; // milliseconds without an answer until the learner is told
const SILENT =
  "The kernel does not answer: it is busy, or it was restarted. If it is idle, run this cell again.";

const PRIVACY =
  "On your own computer, what you record stays there; on Binder, Colab or another server it is " +
  "sent to that computer. Delete removes it, and so does the end of the kernel.";

const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const ASKS = {
  picture: { video: { width: { ideal: 1280 }, height: { ideal: 720 } } },
  film: { video: { width: { ideal: 640 } }, audio: RAW },
  voice: { audio: RAW },
};
const SECONDS = { film: 3, voice: 10 };
// Without its last attribute, Jupyter takes keys for the notebook's.
const PAGE = `
  <div class="cr-root" role="group" tabindex="-1" data-lm-suppress-shortcuts="true">
    <div class="cr-title"></div>
    <div class="cr-stage">
      <video class="cr-live" playsinline aria-label="What the camera sees"></video>
      <meter class="cr-meter" min="0" max="1" aria-label="Loudness"></meter>
      <span class="cr-left" aria-hidden="true"></span><div class="cr-result"></div></div>
    <div class="cr-row">
      <button type="button" class="cr-main"></button>
      <button type="button" class="cr-off">Turn it off</button>
      <button type="button" class="cr-choose" hidden>Choose a file instead</button>
      <input class="cr-path" aria-label="Path" placeholder="or type its path, then Enter">
      <button type="button" class="cr-delete" hidden>Delete</button>
      <input class="cr-file" type="file" hidden></div>
    <progress class="cr-bar" aria-label="How much is sent" hidden></progress>
    <div class="cr-status" role="status" aria-live="polite"></div>
    <div class="cr-note">${PRIVACY}</div></div>`;

/* Say why a browser lends no camera or microphone. */
function refusal(error, needs) {
  if (!window.isSecureContext) return `This page is not secure, so browsers lend it no ${needs}`;
  const known = {
    NotAllowedError: `The ${needs} is not allowed here: allow it beside the page's address`,
    NotFoundError: `No ${needs} was found: connect one`,
    NotReadableError: `The ${needs} is in use by another program: close that`,
  };
  return known[error.name] ?? `This browser cannot use the ${needs} here: try another browser`;
}

/* The way to the kernel: one request at a time; a new one takes the place of the one before. */
function connect(model, { sent, answered, silent, unreadable }) {
  const view = Math.random().toString(36).slice(2); // a widget can be seen in two places
  let [count, timer, id, file] = [0, 0, "", null];

  const rest = () => clearTimeout(timer);
  function tell(message, buffers) {
    rest();
    timer = setTimeout(silent, PATIENCE);
    try {
      model.send({ id, ...message }, undefined, buffers);
    } catch {
      silent();
    }
  }
  function ask(message, blob) {
    [id, file] = [`${view}-${++count}`, blob];
    tell(message);
  }
  async function give(at, asked) {
    const piece = await file.slice(at, at + PIECE).arrayBuffer();
    if (asked === id) tell({ do: "piece", at }, [piece]);
  }
  model.on("msg:custom", (message) => {
    if (message.id !== id) return;
    rest();
    if ("said" in message) return answered(message);
    sent(message.got, file.size);
    if (message.got < file.size) give(message.got, id).catch(unreadable);
  });
  return { tell, ask, rest };
}

function render({ model, el }) {
  const { mode, title, button, invitation, unless, accept } = model.get("how");
  const needs = mode === "voice" ? "microphone" : "camera";
  const on = mode === "film" ? "Record 3 seconds" : "Take the picture";
  const names = { off: button, on, recording: "Stop" };
  let [phase, busy, shown] = ["off", false, ""];
  let stream, recorder, context, clock;

  el.innerHTML = PAGE;
  const part = (name) => el.querySelector(`.cr-${name}`);
  const [root, main, live, path, file] = ["root", "main", "live", "path", "file"].map(part);
  root.setAttribute("aria-label", title);
  root.dataset.mode = mode;
  part("title").textContent = title;
  file.accept = accept;

  function say(words, wrong = false) {
    part("status").textContent = (wrong ? "\u26a0 " : "") + words;
    root.classList.toggle("cr-wrong", wrong);
  }
  const otherwise = () => (part("delete").hidden ? unless : "");
  function enter(next) {
    root.dataset.phase = phase = next;
    main.textContent = names[phase] + (phase === "off" && shown ? " again" : "");
  }
  /* Give camera and microphone back; their light goes out. */
  function release() {
    clearInterval(clock);
    if (recorder) recorder.onstop = null;
    stream?.getTracks().forEach((track) => track.stop());
    context?.close();
    stream = recorder = context = live.srcObject = null;
    enter("off");
  }
  /* Show what was recorded or chosen, from the browser's memory; without `blob`, nothing. */
  function show(blob) {
    URL.revokeObjectURL(shown);
    shown = blob ? URL.createObjectURL(blob) : "";
    part("result").replaceChildren();
    const tag = { image: "img", video: "video", audio: "audio" }[blob?.type.split("/")[0]];
    if (tag) {
      const player = Object.assign(document.createElement(tag), { src: shown, controls: true });
      player.setAttribute(tag === "img" ? "alt" : "aria-label", "What you recorded or chose");
      player.onerror = () => player.remove(); // a format that the kernel may know all the same
      part("result").append(player);
    }
    release();
  }

  const kernel = connect(model, {
    sent(got, size) {
      Object.assign(part("bar"), { hidden: got === size, max: size, value: got });
      say(got < size ? `Sending ${(size / 1e6).toFixed(1)} MB ...` : "Reading it ...");
    },
    answered({ said, wrong, kept }) {
      part("bar").hidden = true;
      part("delete").hidden = !kept;
      say(said || invitation + otherwise(), wrong);
    },
    silent: () => say(SILENT, true),
    unreadable: () => say("The browser cannot read that file any more: choose it again.", true),
  });
  function send(blob, name) {
    show(blob);
    kernel.ask({ do: "start", name, size: blob.size }, blob);
  }

  /* Borrow camera or microphone; without a microphone a film is silent. */
  async function borrow() {
    say(`If your browser asks whether this page may use the ${needs}, allow it.`);
    const devices = navigator.mediaDevices;
    stream = await devices.getUserMedia(ASKS[mode]).catch((error) => {
      if (mode !== "film" || error.name === "NotAllowedError") throw error;
      return devices.getUserMedia({ video: true });
    });
    if (mode === "voice") return record();
    const { facingMode } = stream.getVideoTracks()[0].getSettings();
    live.classList.toggle("cr-mirror", facingMode !== "environment"); // as people know themselves
    Object.assign(live, { srcObject: stream, muted: true });
    await live.play();
    say(invitation);
    enter("on");
  }

  async function photograph() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [live.videoWidth, live.videoHeight];
    canvas.getContext("2d").drawImage(live, 0, 0);
    canvas.toBlob((blob) => send(blob, "picture.jpg"), "image/jpeg", 0.92);
  }
  /* Record until the time is over or somebody stops. */
  async function record() {
    const kind = mode === "film" ? "video" : "audio";
    const form = MediaRecorder.isTypeSupported(`${kind}/webm`) ? "webm" : "mp4";
    const type = `${kind}/${form}`;
    const pieces = [];
    recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: 128000 });
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    recorder.onstop = () => send(new Blob(pieces, { type }), `${mode}.${form}`);
    context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192 }); // longer than between two looks
    const wave = new Float32Array(analyser.fftSize);
    if (mode === "voice") context.createMediaStreamSource(stream).connect(analyser);
    const until = performance.now() + 1000 * SECONDS[mode];
    clock = setInterval(() => {
      const left = (until - performance.now()) / 1000;
      part("left").textContent = Math.ceil(left);
      analyser.getFloatTimeDomainData(wave);
      part("meter").value = Math.max(0, ...wave) ** 0.4; // as ears do, it shows what is quiet, too
      if (left <= 0) recorder.stop();
    }, 100);
    recorder.start();
    say(`Recording; it stops by itself after ${SECONDS[mode]} seconds.`);
    enter("recording");
  }
  const steps = {
    off: mode === "file" ? async () => file.click() : borrow,
    on: mode === "film" ? record : photograph,
    recording: async () => recorder.stop(),
  };
  main.onclick = async () => {
    if (busy) return; // a second click, while the browser asks
    busy = true;
    await steps[phase]().catch((error) => {
      part("choose").hidden = false;
      say(`${refusal(error, needs)}, or choose a file.${otherwise()}`, true);
      release();
    });
    busy = false;
    if (!root.isConnected) release(); // the cell was cleared meanwhile
  };
  part("off").onclick = () => { release(); say(invitation + otherwise()); };
  part("choose").onclick = () => file.click();
  part("delete").onclick = () => { show(null); kernel.ask({ do: "delete" }); };
  path.onchange = () => {
    if (path.value) kernel.ask({ do: "path", path: path.value });
    path.value = "";
  };
  const take = ([chosen]) => chosen && send(chosen, chosen.name);
  file.onclick = () => (file.value = ""); // so that the same file can be chosen again
  file.onchange = () => take(file.files);
  root.ondragover = (event) => event.preventDefault();
  root.ondrop = (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  };
  root.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key !== " " || event.target.matches("button, input, [controls]")) return;
    event.preventDefault();
    main.click();
  };
  enter("off");
  say(invitation + otherwise());
  kernel.ask({ do: "hello" }); kernel.rest(); // a busy kernel may take its time to answer
  return () => { show(null); kernel.rest(); };
}
export default { render };
