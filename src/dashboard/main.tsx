/** @module The start of the page. */
import { render } from "preact";
import { App } from "./page/app.tsx";
import "./style/base.css";
import "./style/panels.css";

const place = document.getElementById("page");
if (place !== null) {
  place.textContent = "";
  render(<App />, place);
}
