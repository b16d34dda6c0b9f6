export * from "./event/mod.ts";
