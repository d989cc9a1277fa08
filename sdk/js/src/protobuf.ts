/**
 * Protocol buffers, as far as this protocol goes: proto2 messages without groups, maps and extensions.
 *
 * By hand, because the smallest runtimes are several times as long as this file, and represent 64-bit numbers in
 * a way of their own. Here they are decimal strings, since a JavaScript number is exact to 2^53 only; ids are
 * passed around and compared, never computed with.
 *
 * A message is described once, by its fields, and the description gives its TypeScript type:
 *
 *     const Group = message({ appId: uint64(1), topicId: uint64(2) });
 *     Group.encode({ appId: "1", topicId: "2" });
 *
 * What is undefined is absent from the wire; what is given is written, an empty string too.
 *
 * @module
 */

import { concat, textOf, utf8 } from "./bytes.js";

/** Bytes that are no message, or not of this kind. */
export class BadPacket extends Error {
  override readonly name = "BadPacket";
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

export interface Codec<T> {
  readonly wireType: typeof VARINT | typeof DELIMITED;
  write(value: T): Uint8Array;
  read(reader: Reader): T;
}

export interface Field<T> {
  readonly number: number;
  readonly isRepeated: boolean;
  // `any`, because a field of one type has to be a field of any type in the table of a message's fields.
  readonly codec: Codec<any>;
  /** Carries the type; never there. */
  readonly value?: T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a message of these fields holds. */
export type Values<F> = { [Name in keyof F]?: F[Name] extends Field<infer T> ? T | undefined : never };

/** What a description describes: `ValuesOf<typeof Group>`. */
export type ValuesOf<M> = M extends Message<infer F> ? Values<F> : never;

/** Reads the parts of one message, front to back. */
export class Reader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new BadPacket("a number is cut off");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new BadPacket("a number of more than 64 bits");
  }

  /** A varint that is meant to be short: a length, a field's tag. */
  size(): number {
    const first = this.bytes[this.#at];
    if (first !== undefined && first < 128) {
      this.#at++;
      return first;
    }
    return Number(this.varint());
  }

  delimited(): Uint8Array {
    return this.#take(this.size());
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === DELIMITED) this.delimited();
    else if (wireType === FIXED64) this.#take(8);
    else if (wireType === FIXED32) this.#take(4);
    else throw new BadPacket(`a field of wire type ${wireType}`);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.bytes.length) throw new BadPacket("a field is cut off");
    const part = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function delimited(bytes: Uint8Array): Uint8Array {
  return concat(varint(BigInt(bytes.length)), bytes);
}

const INT32: Codec<number> = {
  wireType: VARINT,
  write: (value) => varint(BigInt(value)),
  read: (reader) => Number(BigInt.asIntN(32, reader.varint())),
};

const INT64: Codec<string> = {
  wireType: VARINT,
  write: (value) => varint(BigInt(value)),
  read: (reader) => BigInt.asIntN(64, reader.varint()).toString(),
};

const UINT64: Codec<string> = {
  wireType: VARINT,
  write: (value) => varint(BigInt(value)),
  read: (reader) => reader.varint().toString(),
};

const BOOL: Codec<boolean> = {
  wireType: VARINT,
  write: (value) => varint(value ? 1n : 0n),
  read: (reader) => reader.varint() !== 0n,
};

const STRING: Codec<string> = {
  wireType: DELIMITED,
  write: (value) => delimited(utf8(value)),
  read: (reader) => textOf(reader.delimited()),
};

const BYTES: Codec<Uint8Array> = {
  wireType: DELIMITED,
  write: delimited,
  // A copy, so that a small payload does not keep the packet it came in alive.
  read: (reader) => reader.delimited().slice(),
};

function field<T>(codec: Codec<T>): (number: number) => Field<T> {
  return (number) => ({ number, codec, isRepeated: false });
}

export const int32 = field(INT32);
/** Enums are their numbers. */
export const enumeration = field(INT32);
export const int64 = field(INT64);
export const uint64 = field(UINT64);
export const bool = field(BOOL);
export const string = field(STRING);
export const bytes = field(BYTES);

/** A field that is itself a message. */
export function embedded<F extends Fields>(number: number, of: Message<F>): Field<Values<F>> {
  return { number, codec: codecOf(of), isRepeated: false };
}

/** Any number of messages; an empty array when there is none. */
export function repeated<F extends Fields>(number: number, of: Message<F>): Field<Values<F>[]> {
  return { number, codec: codecOf(of), isRepeated: true };
}

function codecOf<F extends Fields>(of: Message<F>): Codec<Values<F>> {
  return {
    wireType: DELIMITED,
    write: (value) => delimited(of.encode(value)),
    read: (reader) => of.decode(reader.delimited()),
  };
}

/** The description of a message. */
export class Message<F extends Fields> {
  readonly #fields: readonly (readonly [string, Field<unknown>])[];
  readonly #byNumber: ReadonlyMap<number, readonly [string, Field<unknown>]>;

  constructor(fields: F) {
    this.#fields = Object.entries(fields).sort(([, a], [, b]) => a.number - b.number);
    this.#byNumber = new Map(this.#fields.map((entry) => [entry[1].number, entry]));
  }

  /** Bytes of a message, fields in ascending order of their numbers. */
  encode(values: Values<F>): Uint8Array {
    const given = values as Record<string, unknown>;
    const parts: Uint8Array[] = [];
    for (const [name, { number, codec, isRepeated }] of this.#fields) {
      const value = given[name];
      if (value === undefined) continue;
      const tag = varint(BigInt((number << 3) | codec.wireType));
      for (const item of isRepeated ? (value as unknown[]) : [value]) parts.push(tag, codec.write(item));
    }
    return concat(...parts);
  }

  /**
   * What a message holds; unknown fields are passed over, and of a field that comes twice the last one counts.
   *
   * @throws BadPacket: the bytes are no message.
   */
  decode(data: Uint8Array): Values<F> {
    const values: Record<string, unknown> = {};
    for (const [name, { isRepeated }] of this.#fields) if (isRepeated) values[name] = [];
    const reader = new Reader(data);
    while (!reader.isAtEnd) {
      const tag = reader.size();
      const entry = this.#byNumber.get(tag >>> 3);
      if (entry === undefined || entry[1].codec.wireType !== (tag & 7)) {
        reader.skip(tag & 7);
        continue;
      }
      const [name, { codec, isRepeated }] = entry;
      const value: unknown = codec.read(reader);
      if (isRepeated) (values[name] as unknown[]).push(value);
      else values[name] = value;
    }
    return values as Values<F>;
  }
}

/** Describe a message by its fields. */
export function message<F extends Fields>(fields: F): Message<F> {
  return new Message(fields);
}
