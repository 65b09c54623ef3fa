/** Every contract test, and what runs them. */

import "./opening.js";
import "./reading.js";
import "./writing.js";
import "./closing.js";

export { runAll, tests } from "./harness.js";
