import js from "@eslint/js";
import globals from "globals";

const rules = {
  ...js.configs.recommended.rules,
  "eqeqeq": "error",
  "no-implicit-coercion": "error",
  "no-shadow": "error",
  "no-throw-literal": "error",
  "no-unused-vars": ["error", { args: "all", argsIgnorePattern: "^_" }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "prefer-template": "error",
  "max-lines": ["error", 250],
  "complexity": ["error", 15],
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["streamer/web/page/*.js"], languageOptions: { globals: globals.browser }, rules },
  {
    files: ["streamer/web/page/{geometry,masks,protocol,state}.js"],  // tested in Node: no DOM
    languageOptions: { globals: { ...globals["shared-node-browser"], ImageData: "readonly" } },
    rules: { "no-restricted-globals": ["error", "document", "window", "location", "localStorage"] },
  },
  { files: ["tests/page/*.js"], languageOptions: { globals: globals.node }, rules },
];
