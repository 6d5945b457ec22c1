// The box is a text area, so that code fits in. Where it holds a single line, Enter sends it, as in any search box;
// Ctrl+Enter sends anything, Shift+Enter begins a new line. Without this script the buttons do the same.
document.querySelectorAll("textarea[data-box]").forEach((box) => {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    const single = box.value.trim() !== "" && !box.value.includes("\n");
    if (single || event.ctrlKey || event.metaKey) {
      event.preventDefault();
      box.form.requestSubmit();
    }
  });
});
