/**
 * The few REST calls that belong to a client: unlimited groups are made and listed over HTTP.
 *
 * Source: protocol reference, 7.3 and 9.1.
 *
 * @module
 */

import { MIMCError, Refused } from "./errors.js";

const SUCCESS = 200;

/**
 * Call the API as a user, and return the answer's data.
 *
 * @throws Refused: the API refuses; nothing was changed.
 * @throws MIMCError: it cannot be reached, or what answers is no messaging server.
 */
export async function callApi(
  apiUrl: string,
  token: string,
  method: "GET" | "POST" | "DELETE",
  path: string,
  details: { readonly topicId?: string; readonly body?: object } = {},
): Promise<unknown> {
  const headers: Record<string, string> = { token };
  if (details.topicId !== undefined) headers["topicId"] = details.topicId;
  if (details.body !== undefined) headers["content-type"] = "application/json";
  const request: RequestInit = { method, headers, cache: "no-store", credentials: "omit" };
  if (details.body !== undefined) request.body = JSON.stringify(details.body);
  let answer: unknown;
  try {
    answer = await (await fetch(apiUrl + path, request)).json();
  } catch (error) {
    throw new MIMCError(`${method} ${path} failed`, { cause: error });
  }
  const { code, message, data } = (answer ?? {}) as { code?: unknown; message?: unknown; data?: unknown };
  if (code === undefined) throw new MIMCError(`${method} ${path}: no messaging server answers`);
  if (Number(code) !== SUCCESS) throw new Refused(Number(code), String(message));
  return data;
}
