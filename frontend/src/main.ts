import "ol/ol.css";
import "./page.css";

import { App } from "./app";
import { createLayout } from "./layout";

void new App(createLayout(document.body)).start();
