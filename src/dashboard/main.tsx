/** @module The start of the page. */
import { render } from "preact";
import { App } from "./frame/app.tsx";
import { connection } from "./state/connection.ts";
import "./style/base.css";
import "./style/panels.css";
import "./style/charts.css";

const place = document.getElementById("page");
if (place !== null) {
  place.textContent = "";
  render(<App />, place);
  void connection.run();
}
