/** The ES module: what `index` has, and a server where the module came from. */

import { useScript } from "./settings.js";

useScript(import.meta.url);

export * from "./index.js";
