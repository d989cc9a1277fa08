// Builds what is shipped: mimc.js (ES module), mimc.global.js (plain script), mimc.d.ts, and the package.json by
// which Node and npm take the directory for a package.
//
//     node build.mjs [directory]
//
// Not minified: servers compress, and what a page runs can be read. The same sources give the same bytes.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { generateDtsBundle } from "dts-bundle-generator";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../../src/openmimc/admin/assets/sdk"));
mkdirSync(out, { recursive: true });

// Types are checked first: the bundler only takes them off. The modules are for the unit tests.
execFileSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "--project", here], { stdio: "inherit" });

const common = { absWorkingDir: here, bundle: true, target: "es2022", charset: "utf8", logLevel: "warning" };
const banner = { js: "// The JavaScript SDK of OpenMIMC. Licensed under Apache-2.0. Built from sdk/js; do not edit." };
await build({ ...common, banner, entryPoints: ["src/module.ts"], format: "esm", outfile: join(out, "mimc.js") });
await build({ ...common, banner, entryPoints: ["src/global.ts"], format: "iife", outfile: join(out, "mimc.global.js") });

const [types] = generateDtsBundle(
  [{ filePath: join(here, "src/index.ts"), output: { noBanner: true, exportReferencedTypes: false } }],
  { preferredConfigPath: join(here, "tsconfig.json") },
);
writeFileSync(join(out, "mimc.d.ts"), `${banner.js}\n\n${types}`);

const [, version] = readFileSync(join(here, "../../src/openmimc/__init__.py"), "utf8").match(/__version__ = "(.+)"/);
const manifest = { name: "openmimc", version, type: "module", exports: { ".": { types: "./mimc.d.ts", default: "./mimc.js" } }, license: "Apache-2.0" };
writeFileSync(join(out, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);

for (const name of ["mimc.js", "mimc.global.js", "mimc.d.ts", "package.json"]) {
  console.log(`${name}: ${readFileSync(join(out, name)).length} bytes`);
}
