/**
 * The words of EventStorming, as plain values: what stands on the notes of a
 * board, and how the notes belong together.
 *
 * An aggregate is what Aether calls an actor; a person is what EventStorming
 * calls one. Names are the keys, so that they stay literal types; what refers to
 * another note does so by name:
 *
 * | reference                                          | names                                |
 * | -------------------------------------------------- | ------------------------------------ |
 * | `account`                                          | an aggregate                         |
 * | `account.Deposited`                                | an event, command or query of it     |
 * | `policy:…`, `readModel:…`, `person:…`, `system:…`  | any other note                       |
 */
import type { Fields } from "./field.ts";

/** Something that happened, in the past tense. */
export interface DomainEvent<Name extends string = string> {
  /** For people. */
  readonly text?: string;
  /** What it carries. */
  readonly fields?: Fields;
  /** Whether what comes behind it is another part of the story. */
  readonly pivotal?: boolean;
  /** Whether it is its actor's first event, and never a later one. */
  readonly first?: boolean;
  /** Whether nothing happens to its actor any more behind it. */
  readonly last?: boolean;
  /** It happens only where at least one of these has happened to the same actor. */
  readonly after?: readonly Name[];
  /** It never happens where one of these has happened to the same actor. */
  readonly notAfter?: readonly Name[];
}

/** What somebody wants to happen. */
export interface Command<
  EventName extends string = string,
  Issuer extends string = string,
  CommandRef extends string = string,
> {
  /** For people. */
  readonly text?: string;
  /** Its input. */
  readonly fields?: Fields;
  /** The events of its aggregate that it leads to. */
  readonly emits?: readonly EventName[];
  /** The commands it sends to other aggregates. */
  readonly sends?: readonly CommandRef[];
  /** The reasons for which it is refused. */
  readonly rejects?: readonly string[];
  /** The people who give it. */
  readonly by?: readonly Issuer[];
}

/** What an aggregate tells of its own state. */
export interface Query<Reader extends string = string> {
  /** For people. */
  readonly text?: string;
  /** What it answers. */
  readonly fields?: Fields;
  /** The people who ask. */
  readonly by?: readonly Reader[];
}

/** What decides as one: an actor type. */
export interface Aggregate {
  /** For people. */
  readonly text?: string;
  /** Whether its key names the person that its personal fields are about. */
  readonly keyIsSubject?: boolean;
  /** What happens to it. */
  readonly events?: Readonly<Record<string, DomainEvent>>;
  /** What can be asked of it. */
  readonly commands?: Readonly<Record<string, Command>>;
  /** What it tells. */
  readonly queries?: Readonly<Record<string, Query>>;
}

/** Someone who gives commands and looks at read models: a person or a role. */
export interface Person {
  /** For people. */
  readonly text?: string;
}

/** Whenever this happened, that is to be done. */
export interface Policy<
  EventRef extends string = string,
  CommandRef extends string = string,
  SystemName extends string = string,
> {
  /** For people. */
  readonly text?: string;
  /** The events that trigger it. */
  readonly on?: readonly EventRef[];
  /** The commands it sends. */
  readonly sends?: readonly CommandRef[];
  /** The systems it calls. */
  readonly calls?: readonly SystemName[];
}

/** What is shown, as the events add up to it. */
export interface ReadModel<
  EventRef extends string = string,
  Reader extends string = string,
> {
  /** For people. */
  readonly text?: string;
  /** The events it is made of. */
  readonly from?: readonly EventRef[];
  /** What it shows; a field may name its sources. */
  readonly fields?: Fields;
  /** The people who look at it. */
  readonly shownTo?: readonly Reader[];
}

/** What lies outside and is not ours to change. */
export interface ExternalSystem<
  EventRef extends string = string,
  CommandRef extends string = string,
> {
  /** For people. */
  readonly text?: string;
  /** The events it is told. */
  readonly on?: readonly EventRef[];
  /** The commands it sends to us. */
  readonly sends?: readonly CommandRef[];
}

/** A question, a conflict or a risk. */
export interface Hotspot<NoteRef extends string = string> {
  /** The note it sticks to; the whole board where it is left out. */
  readonly on?: NoteRef;
  /** What is open. */
  readonly text: string;
  /** How it was settled; open where it is left out. */
  readonly settled?: string;
}

/** Something worth trying. */
export interface Opportunity<NoteRef extends string = string> {
  /** The note it sticks to; the whole board where it is left out. */
  readonly on?: NoteRef;
  /** What could be gained. */
  readonly text: string;
}

/** A part of the domain in which words have one meaning. */
export interface BoundedContext<
  AggregateName extends string = string,
  PolicyName extends string = string,
  ReadModelName extends string = string,
> {
  /** For people. */
  readonly text?: string;
  /** The aggregates in it. */
  readonly aggregates?: readonly AggregateName[];
  /** The policies in it. */
  readonly policies?: readonly PolicyName[];
  /** The read models in it. */
  readonly readModels?: readonly ReadModelName[];
}

/** How two contexts work together, in the words of context mapping. */
export type RelationKind =
  | "partnership"
  | "shared_kernel"
  | "customer_supplier"
  | "conformist"
  | "anticorruption_layer"
  | "open_host_service"
  | "published_language"
  | "separate_ways";

/** A relation between two contexts. */
export interface ContextRelation<ContextName extends string = string> {
  /** The one that is upstream, where there is a stream. */
  readonly from: ContextName;
  /** The one that is downstream. */
  readonly to: ContextName;
  /** How they work together. */
  readonly kind: RelationKind;
  /** For people. */
  readonly text?: string;
}

/** A word and what it means here. */
export interface GlossaryTerm<ContextName extends string = string> {
  /** What it means. */
  readonly text: string;
  /** Where it means that; everywhere where it is left out. */
  readonly context?: ContextName;
  /** Words that are not used for it. */
  readonly avoid?: readonly string[];
}

/** A named event or command with its data: a line of a specification. */
export interface Example<Name extends string = string> {
  /** The event's or command's name. */
  readonly type: Name;
  /** Its data or input. */
  readonly data?: unknown;
}

/** An example of how an aggregate behaves: given, when, then. */
export interface Specification<
  EventName extends string = string,
  CommandName extends string = string,
> {
  /** What it shows. */
  readonly name: string;
  /** What has happened; nothing where it is left out. */
  readonly given?: readonly Example<EventName>[];
  /** The command. */
  readonly when: Example<CommandName>;
  /** What happens then: the events, in order, or the reason of a rejection. */
  readonly then: readonly Example<EventName>[] | { readonly rejected: string };
}

/** A specification and the aggregate it is of. */
export interface ModelSpecification extends Specification {
  /** The aggregate's name. */
  readonly of: string;
}

/** Everything that stands on a board. */
export interface Model {
  /** What it is a model of. */
  readonly name: string;
  /** Its version, such as `1.2.0`. */
  readonly version?: string;
  /** For people. */
  readonly text?: string;
  /** What decides, by name: actor types. */
  readonly aggregates?: Readonly<Record<string, Aggregate>>;
  /** People and roles, by name. */
  readonly people?: Readonly<Record<string, Person>>;
  /** Policies, by name. */
  readonly policies?: Readonly<Record<string, Policy>>;
  /** Read models, by name. */
  readonly readModels?: Readonly<Record<string, ReadModel>>;
  /** External systems, by name. */
  readonly systems?: Readonly<Record<string, ExternalSystem>>;
  /** Bounded contexts, by name. */
  readonly contexts?: Readonly<Record<string, BoundedContext>>;
  /** How the contexts work together. */
  readonly relations?: readonly ContextRelation[];
  /** What is open. */
  readonly hotspots?: readonly Hotspot[];
  /** What could be gained. */
  readonly opportunities?: readonly Opportunity[];
  /** What words mean. */
  readonly glossary?: Readonly<Record<string, string | GlossaryTerm>>;
  /** Which aggregates share a lane of the board; the others have one each. */
  readonly swimlanes?: Readonly<Record<string, readonly string[]>>;
  /** Commands and policies in the order they are told in; the others follow. */
  readonly timeline?: readonly string[];
  /** How aggregates behave. */
  readonly specifications?: readonly ModelSpecification[];
}
