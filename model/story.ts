/**
 * A board as a story: in which order its notes are told. A command comes before
 * its events, an event before the policies it triggers, a policy before the
 * commands it sends; a read model as soon as all it shows has happened.
 */
import { type Board, boardOf, type Note } from "./board.ts";
import type { Model } from "./words.ts";

/** One step of the story: what is done, who does it, what comes of it. */
export interface Step {
  /** A command, a policy, a read model or query, or an event that nothing leads to. */
  readonly note: Note;
  /** What leads to it: people, systems and policies; events of a policy or a view. */
  readonly causes: readonly Note[];
  /** What it leads to: events of a command, commands of a policy, readers of a view. */
  readonly effects: readonly Note[];
}

/**
 * Tells a model's story. What its `timeline` names comes first and in that
 * order; then commands in the order of the model, each followed by what it
 * sets off.
 *
 * @param board What to tell of it; the whole board by default.
 */
export function storyOf(model: Model, board: Board = boardOf(model)): Step[] {
  return new Storyteller(board).tell(model.timeline ?? []);
}

class Storyteller {
  readonly #board: Board;
  readonly #from = new Map<string, Note[]>();
  readonly #to = new Map<string, Note[]>();
  readonly #told = new Set<string>();
  readonly #happened = new Set<string>();
  readonly #steps: Step[] = [];
  readonly #views: { note: Note; sources: readonly Note[] }[] = [];

  constructor(board: Board) {
    this.#board = board;
    for (const { from, to } of board.arrows) {
      const [start, end] = [board.note(from), board.note(to)];
      if (start === undefined || end === undefined) continue;
      listIn(this.#from, from).push(end);
      listIn(this.#to, to).push(start);
    }
  }

  tell(timeline: readonly string[]): Step[] {
    const { notes } = this.#board;
    this.#views.push(...this.#viewsOf(notes));
    for (const id of timeline) this.#step(this.#board.note(id));
    const commands = notes.filter(({ kind }) => kind === "command");
    const given = commands.filter(({ id }) =>
      this.#causes(id).some(({ kind }) => kind !== "policy")
    );
    for (const command of given) this.#follow(command);
    // A command that only policies send comes behind them, wherever that is.
    const events = notes.filter(({ kind }) => kind === "event");
    for (const event of events) {
      if (this.#causes(event.id).length === 0) this.#follow(event);
    }
    const free = commands.filter(({ id }) => this.#causes(id).length === 0);
    for (const command of free) this.#follow(command);
    for (const note of notes) {
      if (note.kind === "command" || note.kind === "policy") this.#follow(note);
    }
    for (const { note } of [...this.#views]) this.#show(note);
    return this.#steps;
  }

  /** A step, and all that it sets off. */
  #follow(note: Note): void {
    const open = [note];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!this.#step(next)) continue;
      const effects = next.kind === "event" ? [next] : this.#effects(next.id);
      const set = effects.flatMap((effect) =>
        effect.kind === "event"
          ? this.#effects(effect.id).filter(({ kind }) => kind === "policy")
          : effect.kind === "command"
          ? [effect]
          : []
      );
      open.push(...set.reverse());
    }
  }

  #step(note: Note | undefined): boolean {
    if (note === undefined || this.#told.has(note.id)) return false;
    this.#told.add(note.id);
    this.#steps.push({
      note,
      causes: this.#causes(note.id),
      effects: note.kind === "event" ? [] : this.#effects(note.id),
    });
    const happened = note.kind === "event" ? [note] : this.#effects(note.id);
    for (const { id, kind } of happened) {
      if (kind === "event") this.#happened.add(id);
    }
    this.#showWhatIsComplete();
    return true;
  }

  #showWhatIsComplete(): void {
    for (const { note, sources } of [...this.#views]) {
      if (sources.length === 0) continue;
      if (sources.every(({ id }) => this.#happened.has(id))) this.#show(note);
    }
  }

  #show(note: Note): void {
    const index = this.#views.findIndex((view) => view.note === note);
    if (index < 0) return;
    const [view] = this.#views.splice(index, 1);
    this.#steps.push({
      note,
      causes: note.kind === "query" ? [] : view!.sources,
      effects: this.#effects(note.id),
    });
  }

  #viewsOf(notes: readonly Note[]): { note: Note; sources: readonly Note[] }[] {
    const caused = (note: Note) => this.#causes(note.id).length > 0;
    return notes.flatMap((note) => {
      if (note.kind === "readModel") {
        return [{ note, sources: this.#causes(note.id) }];
      }
      if (note.kind !== "query") return [];
      const sources = notes.filter((other) =>
        other.kind === "event" && other.aggregate === note.aggregate &&
        caused(other)
      );
      return [{ note, sources }];
    });
  }

  #effects(id: string): Note[] {
    return this.#from.get(id) ?? [];
  }

  #causes(id: string): Note[] {
    return this.#to.get(id) ?? [];
  }
}

function listIn(lists: Map<string, Note[]>, id: string): Note[] {
  let list = lists.get(id);
  if (list === undefined) lists.set(id, list = []);
  return list;
}
