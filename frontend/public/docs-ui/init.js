// Starts the OpenAPI page; a file of its own because the page allows no inline script.
const ui = document.getElementById("ui");
SwaggerUIBundle({ url: ui.dataset.spec, domNode: ui, deepLinking: true, validatorUrl: null });
