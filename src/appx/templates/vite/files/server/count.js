// The number, in a file that is replaced as a whole.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class Count {
  #file;
  #count;

  constructor(folder) {
    mkdirSync(folder, { recursive: true });
    this.#file = join(folder, "count.json");
    this.#count = this.#read();
  }

  get value() {
    return this.#count;
  }

  addOne() {
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#count + 1), { flush: true });
    renameSync(`${this.#file}.new`, this.#file);
    return ++this.#count;
  }

  #read() {
    try {
      return Number(JSON.parse(readFileSync(this.#file, "utf8")));
    } catch (error) {
      if (error.code === "ENOENT") return 0;
      throw error;
    }
  }
}
