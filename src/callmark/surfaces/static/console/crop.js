/* A logo of any size, cut to the 200 x 200 pixels that phones show. Without a script the file is sent as it is. */
const SIDE = 200;
const PNG = [0x89, 0x50, 0x4e, 0x47];
const KNOWN = [240, 96, 32, 255];

/** A picture on a canvas, as large as one slider says and moved by the other two. */
class Cut {
  #canvas;
  #sliders;
  #picture = null;

  constructor(canvas, sliders) {
    this.#canvas = canvas;
    this.#sliders = sliders;
  }

  get hasPicture() {
    return this.#picture !== null;
  }

  /** Whether nothing needs to be cut. */
  get isOfSize() {
    return this.#picture.width === SIDE && this.#picture.height === SIDE;
  }

  clear() {
    this.#picture?.close();
    this.#picture = null;
  }

  take(picture) {
    this.#picture = picture;
  }

  /** Shows as much of the middle as covers the canvas. */
  center() {
    const [fits, covers] = this.#scales();
    this.#sliders.zoom.value = (100 * Math.log(covers / fits)) / Math.log((4 * covers) / fits);
    this.#sliders.x.value = this.#sliders.y.value = 0;
    this.draw();
  }

  draw() {
    const context = this.#canvas.getContext("2d");
    const { x, y } = this.#sliders;
    const [width, height] = this.#size();
    const left = ((SIDE - width) / 2) * (1 - x.value / 100);
    const top = ((SIDE - height) / 2) * (1 - y.value / 100);
    context.clearRect(0, 0, SIDE, SIDE);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#picture, left, top, width, height);
  }

  /** Moves the picture by as much as a pointer moved. */
  drag(x, y) {
    const [width, height] = this.#size();
    const pixel = SIDE / this.#canvas.clientWidth;
    move(this.#sliders.x, x * pixel, width);
    move(this.#sliders.y, y * pixel, height);
    this.draw();
  }

  /** What the canvas shows, as a file. */
  async toFile(name) {
    const blob = await new Promise((done) => this.#canvas.toBlob(done, "image/png"));
    return new File([blob], name, { type: "image/png" });
  }

  #size() {
    const [fits, covers] = this.#scales();
    const by = fits * ((4 * covers) / fits) ** (this.#sliders.zoom.value / 100);
    return [this.#picture.width * by, this.#picture.height * by];
  }

  /** By how much the picture fits into the canvas, and by how much it covers it. */
  #scales() {
    const { width, height } = this.#picture;
    return [SIDE / Math.max(width, height), SIDE / Math.min(width, height)];
  }
}

/** A file field whose pictures are cut in the box beside it before they are sent. */
class CroppedField {
  #box;
  #field;
  #note;
  #cut;
  #name = "logo.png";
  #drawing = null; // while the field does not hold yet what will be sent
  #choices = 0;
  #isOurs = false;

  constructor(box, field) {
    const sliders = [...box.querySelectorAll("input")].map((one) => [one.dataset.cropBy, one]);
    this.#box = box;
    this.#field = field;
    this.#note = box.parentElement.querySelector("[data-crop-note]");
    this.#cut = new Cut(box.querySelector("canvas"), Object.fromEntries(sliders));
    field.accept = "image/png,image/jpeg,image/webp";
    const hint = document.getElementById(`${field.id}-hint`);
    if (hint) hint.textContent = box.dataset.cropHint;
  }

  start() {
    this.#followField();
    this.#followSliders();
    this.#followPointer(this.#box.querySelector("canvas"));
    this.#holdForm(this.#field.form);
    if (this.#field.files.length) this.#waitFor(this.#open(this.#field.files[0])); // chosen before this script ran
  }

  /* Before console.js looks at the file: what counts is the one that is sent. */
  #followField() {
    for (const kind of ["input", "change"]) {
      document.addEventListener(
        kind,
        (event) => {
          if (event.target !== this.#field || this.#isOurs) return;
          event.stopImmediatePropagation();
          if (kind === "change") this.#waitFor(this.#open(this.#field.files[0]));
        },
        { capture: true },
      );
    }
  }

  #followSliders() {
    this.#box.addEventListener("input", (event) => {
      event.stopPropagation();
      if (this.#cut.hasPicture) this.#cut.draw();
    });
    this.#box.addEventListener("change", (event) => {
      event.stopPropagation();
      this.#keepSoon();
    });
  }

  #followPointer(canvas) {
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.#cut.hasPicture) return;
      canvas.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#cut.hasPicture || !canvas.hasPointerCapture(event.pointerId)) return;
      this.#cut.drag(event.movementX, event.movementY);
    });
    canvas.addEventListener("pointerup", () => this.#keepSoon());
  }

  /** A form that is sent while the picture is drawn waits for it. */
  #holdForm(form) {
    form.addEventListener(
      "submit",
      (event) => {
        if (!this.#drawing) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        const { submitter } = event;
        this.#drawing.then(() => form.requestSubmit(submitter));
      },
      { capture: true },
    );
  }

  /** A large file takes a second to read, and another may be chosen meanwhile: the last choice counts. */
  async #open(file) {
    const choice = ++this.#choices;
    this.#cut.clear();
    this.#box.hidden = true;
    this.#note.hidden = true;
    if (!file) return this.#tell();
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
    const isOurKind = await isPng(file).catch(() => false);
    if (choice !== this.#choices) return picture?.close();
    if (!picture) return this.#leave("Your browser cannot open this file. Choose a PNG, JPEG or WebP picture.");
    this.#cut.take(picture);
    if (this.#cut.isOfSize && isOurKind) return this.#tell(); // as it has to be
    if (!canReadCanvas()) {
      this.#cut.clear();
      return this.#leave(
        "Your browser keeps pictures from pages, so this one cannot be cut here. Choose a PNG of 200 × 200 pixels.",
      );
    }
    this.#name = `${file.name.replace(/\.[^.]*$/, "")}.png`;
    this.#box.hidden = false;
    this.#cut.center();
    return this.#keep();
  }

  /** Leaves the file as it is, and says why. */
  #leave(why) {
    this.#note.textContent = why;
    this.#note.hidden = false;
    this.#tell();
  }

  #keepSoon() {
    if (this.#cut.hasPicture) this.#waitFor(this.#keep());
  }

  /** Puts what the canvas shows into the field. */
  async #keep() {
    const choice = this.#choices;
    const file = await this.#cut.toFile(this.#name);
    if (choice !== this.#choices) return;
    const files = new DataTransfer();
    files.items.add(file);
    this.#field.files = files.files;
    this.#tell();
  }

  #waitFor(work) {
    this.#drawing = work;
    work.finally(() => {
      if (this.#drawing === work) this.#drawing = null;
    });
  }

  /** Tells the page about what the field holds now. */
  #tell() {
    this.#isOurs = true;
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    this.#field.dispatchEvent(new Event("change", { bubbles: true }));
    this.#isOurs = false;
  }
}

/** Moves a slider by as much as the picture was dragged. */
function move(slider, pixels, size) {
  const room = (SIDE - size) / 2;
  if (Math.abs(room) > 0.5) slider.value = Number(slider.value) - (100 * pixels) / room;
}

/** Whether what is drawn can be read: Firefox with resistFingerprinting gives stripes. Others change a little. */
function canReadCanvas() {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = `rgb(${KNOWN.slice(0, 3).join()})`;
  context.fillRect(0, 0, 16, 16);
  const read = context.getImageData(0, 0, 16, 16).data;
  return read.every((value, at) => Math.abs(value - KNOWN[at % 4]) < 16);
}

async function isPng(file) {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  return PNG.every((byte, at) => head[at] === byte);
}

for (const box of document.querySelectorAll("[data-crop]")) {
  new CroppedField(box, document.getElementById(box.dataset.crop)).start();
}
