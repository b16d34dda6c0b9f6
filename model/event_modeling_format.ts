/**
 * The JSON format of slices that event modeling tools exchange, as far as a model
 * has to do with it.
 *
 * Source: {@link https://github.com/dilgerma/event-modeling-spec | Event Modeling Specification}.
 */

/** What an element is. */
export type ElementType =
  | "COMMAND"
  | "EVENT"
  | "READMODEL"
  | "SCREEN"
  | "AUTOMATION";

/** A field of an element. */
export interface EventModelingField {
  /** Its name. */
  readonly name: string;
  /** Its type, such as `String`. */
  readonly type: string;
  /** Whether it holds several. */
  readonly cardinality?: "List" | "Single";
  /** Whether it may be absent. */
  readonly optional?: boolean;
  /** Whether it identifies something. */
  readonly idAttribute?: boolean;
  /** Where it comes from. */
  readonly mapping?: string;
  /** The parts of a `Custom` one. */
  readonly subfields?: readonly EventModelingField[];
}

/** A link from one element to another. */
export interface EventModelingDependency {
  /** The other element's id. */
  readonly id: string;
  /** In which direction. */
  readonly type: "INBOUND" | "OUTBOUND";
  /** The other element's title. */
  readonly title: string;
  /** What the other element is. */
  readonly elementType: ElementType;
}

/** A command, an event, a read model, a screen or an automation. */
export interface EventModelingElement {
  /** Unique in the document. */
  readonly id: string;
  /** What it is called. */
  readonly title: string;
  /** What it is. */
  readonly type: ElementType;
  /** What it carries. */
  readonly fields: readonly EventModelingField[];
  /** What it belongs together with. */
  readonly dependencies: readonly EventModelingDependency[];
  /** For people. */
  readonly description?: string;
  /** The aggregate it belongs to. */
  readonly aggregate?: string;
  /** The bounded context it lies in. */
  readonly modelContext?: string;
  /** Whether it lies outside. */
  readonly context?: "INTERNAL" | "EXTERNAL";
  /** Further marks. */
  readonly tags?: readonly string[];
}

/** A line of a specification. */
export interface EventModelingStep {
  /** Unique in the document. */
  readonly id: string;
  /** The element's title, or the reason of a rejection. */
  readonly title: string;
  /** What it is. */
  readonly type:
    | "SPEC_EVENT"
    | "SPEC_COMMAND"
    | "SPEC_READMODEL"
    | "SPEC_ERROR";
  /** The element's id. */
  readonly linkedId?: string;
  /** Its data. */
  readonly examples?: readonly object[];
}

/** A specification of a slice. */
export interface EventModelingSpecification {
  /** Unique in the document. */
  readonly id: string;
  /** What it shows. */
  readonly title: string;
  /** What it is a specification of. */
  readonly linkedId: string;
  /** What has happened. */
  readonly given: readonly EventModelingStep[];
  /** The command. */
  readonly when: readonly EventModelingStep[];
  /** What happens then. */
  readonly then: readonly EventModelingStep[];
}

/** A vertical part of the system: one command, one view or one automation. */
export interface EventModelingSlice {
  /** Unique in the document. */
  readonly id: string;
  /** What it is called. */
  readonly title: string;
  /** Its pattern. */
  readonly sliceType: "STATE_CHANGE" | "STATE_VIEW" | "AUTOMATION";
  /** Its place in time. */
  readonly index?: number;
  /** The bounded context it lies in. */
  readonly context?: string;
  /** Its commands. */
  readonly commands: readonly EventModelingElement[];
  /** Its events. */
  readonly events: readonly EventModelingElement[];
  /** Its read models. */
  readonly readmodels: readonly EventModelingElement[];
  /** What people look at. */
  readonly screens: readonly EventModelingElement[];
  /** Its automations. */
  readonly processors: readonly EventModelingElement[];
  /** Not used here. */
  readonly tables: readonly never[];
  /** How it behaves. */
  readonly specifications: readonly EventModelingSpecification[];
  /** The people in it. */
  readonly actors?: readonly {
    readonly name: string;
    readonly authRequired: boolean;
  }[];
  /** The aggregates in it. */
  readonly aggregates?: readonly string[];
}

/** An Event Modeling document. */
export interface EventModelingDocument {
  /** Its slices, in the order they are told in. */
  readonly slices: readonly EventModelingSlice[];
}
