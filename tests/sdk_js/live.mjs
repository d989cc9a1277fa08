// For scripts that run against a real server, which the environment variable SERVER describes.

import { createRequire } from "node:module";

const { MIMCUser } = await import(process.env.SDK);
// Node 20 has no WebSocket of its own.
export const WebSocket = createRequire(new URL("../../sdk/js/package.json", import.meta.url))("ws");

export const server = JSON.parse(process.env.SERVER);
export const origin = `http://${server.http}`;

/** Call the REST API. */
export async function call(method, path, body, headers = {}) {
  const response = await fetch(origin + path, { method, headers, body: body && JSON.stringify(body) });
  const { code, message, data } = await response.json();
  if (code !== 200) throw new Error(`${path}: ${code} ${message}`);
  return data;
}

const { appId, appKey, appSecret } = server;

/** What the token service answers, as text. */
export async function token(appAccount) {
  const body = JSON.stringify({ appId, appKey, appSecret, appAccount });
  return (await fetch(`${origin}/api/account/token`, { method: "POST", body })).text();
}

export function newUser(account, resource = "node", options = {}) {
  const endpoints = { websocketUrl: `ws://${server.http}/` };
  const user = new MIMCUser(appId, account, resource, { endpoints, WebSocket, ...options });
  user.registerFetchToken(() => token(account));
  return user;
}

/** Wait until a condition holds. */
export async function until(condition) {
  for (let i = 0; i < 1500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came true: ${condition}`);
}
