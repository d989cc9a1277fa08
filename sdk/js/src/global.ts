/**
 * The plain script: global `MIMCUser`, as with the original SDK, and everything else in `OpenMIMC`.
 *
 * The script tag may say where the server is: `data-websocket-url`, `data-api-url`.
 */

import * as sdk from "./index.js";
import { useScript } from "./settings.js";

const script = typeof document === "undefined" ? null : document.currentScript;
if (script instanceof HTMLScriptElement) useScript(script.src, script.dataset);

Object.assign(globalThis, { MIMCUser: sdk.MIMCUser, OpenMIMC: sdk });
