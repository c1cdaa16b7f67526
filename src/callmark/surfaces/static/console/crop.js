/* A logo of any size, cut to the 200 x 200 pixels that phones show. Without a script the file is sent as it is. */
const SIDE = 200;
const PNG = [0x89, 0x50, 0x4e, 0x47];

for (const box of document.querySelectorAll("[data-crop]")) start(box, document.getElementById(box.dataset.crop));

function start(box, field) {
  const canvas = box.querySelector("canvas");
  const context = canvas.getContext("2d");
  const sliders = Object.fromEntries([...box.querySelectorAll("input")].map((one) => [one.dataset.cropBy, one]));
  const note = box.parentElement.querySelector("[data-crop-note]");
  let picture = null;
  let name = "logo.png";
  let drawing = null; // while the field does not hold yet what will be sent
  let isOurs = false;

  field.accept = "image/png,image/jpeg,image/webp";
  const hint = document.getElementById(`${field.id}-hint`);
  if (hint) hint.textContent = box.dataset.cropHint;

  const scale = () => {
    const fits = SIDE / Math.max(picture.width, picture.height);
    const covers = SIDE / Math.min(picture.width, picture.height);
    return fits * ((4 * covers) / fits) ** (sliders.zoom.value / 100);
  };

  function draw() {
    const by = scale();
    const [width, height] = [picture.width * by, picture.height * by];
    const left = ((SIDE - width) / 2) * (1 - sliders.x.value / 100);
    const top = ((SIDE - height) / 2) * (1 - sliders.y.value / 100);
    context.clearRect(0, 0, SIDE, SIDE);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, left, top, width, height);
  }

  /** Puts what the canvas shows into the field; a form that is sent meanwhile waits for it. */
  function keep() {
    return new Promise((done) => canvas.toBlob(done, "image/png")).then((blob) => {
      const files = new DataTransfer();
      files.items.add(new File([blob], name, { type: "image/png" }));
      field.files = files.files;
      tell();
    });
  }

  function waitFor(work) {
    drawing = work;
    work.finally(() => {
      if (drawing === work) drawing = null;
    });
  }

  /** Tells the page about what the field holds now. */
  function tell() {
    isOurs = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
    isOurs = false;
  }

  async function open(file) {
    picture?.close();
    picture = null;
    box.hidden = true;
    note.hidden = true;
    if (!file) return tell();
    try {
      picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      note.textContent = "Your browser cannot open this file. Choose a PNG, JPEG or WebP picture.";
      note.hidden = false;
      return tell();
    }
    if (picture.width === SIDE && picture.height === SIDE && (await isPng(file))) return tell(); // as it has to be
    name = `${file.name.replace(/\.[^.]*$/, "")}.png`;
    const fits = SIDE / Math.max(picture.width, picture.height);
    const covers = SIDE / Math.min(picture.width, picture.height);
    sliders.zoom.value = (100 * Math.log(covers / fits)) / Math.log((4 * covers) / fits);
    sliders.x.value = sliders.y.value = 0;
    box.hidden = false;
    draw();
    return keep();
  }

  /* Before console.js looks at the file: what counts is the one that is sent. */
  for (const kind of ["input", "change"]) {
    document.addEventListener(
      kind,
      (event) => {
        if (event.target !== field || isOurs) return;
        event.stopImmediatePropagation();
        if (kind === "change") waitFor(open(field.files[0]));
      },
      { capture: true },
    );
  }

  box.addEventListener("input", (event) => {
    event.stopPropagation();
    if (picture) draw();
  });
  box.addEventListener("change", (event) => {
    event.stopPropagation();
    if (picture) waitFor(keep());
  });

  canvas.addEventListener("pointerdown", (event) => {
    if (!picture) return;
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!picture || !canvas.hasPointerCapture(event.pointerId)) return;
    const by = scale();
    const pixel = SIDE / canvas.clientWidth;
    move(sliders.x, event.movementX * pixel, picture.width * by);
    move(sliders.y, event.movementY * pixel, picture.height * by);
    draw();
  });
  canvas.addEventListener("pointerup", () => picture && waitFor(keep()));

  field.form.addEventListener(
    "submit",
    (event) => {
      if (!drawing) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const { submitter } = event;
      drawing.then(() => field.form.requestSubmit(submitter));
    },
    { capture: true },
  );
}

/** Moves a slider by as much as the picture was dragged. */
function move(slider, pixels, size) {
  const room = (SIDE - size) / 2;
  if (Math.abs(room) > 0.5) slider.value = Number(slider.value) - (100 * pixels) / room;
}

async function isPng(file) {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return PNG.every((byte, at) => head[at] === byte);
}
