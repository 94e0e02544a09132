// What the dashboard does beyond htmx: copy, search by keyboard, and rows of a table of tiers.
// Every page works without it; it only saves steps.

(() => {
  "use strict";

  const announcer = document.createElement("div");
  announcer.className = "announce";
  announcer.setAttribute("role", "status");

  function announce(words) {
    announcer.textContent = words;
    announcer.classList.add("shown");
    setTimeout(() => announcer.classList.remove("shown"), 1600);
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1600);
      announce("Copied");
    } catch {
      announce("The browser does not let this page copy. Select the text instead.");
    }
  }

  function openSearch() {
    const box = document.getElementById("search");
    if (box && !box.open) {
      box.showModal();
      box.querySelector("input").select();
    }
  }

  function addRow(table) {
    const body = table.querySelector("tbody");
    body.append(table.querySelector("template").content.cloneNode(true));
    body.lastElementChild.querySelector("input").focus();
  }

  function removeRow(row) {
    const body = row.parentElement;
    row.remove();
    body.dispatchEvent(new Event("rows-changed", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copy !== undefined) {
      event.preventDefault();
      copy(button);
    } else if (button.dataset.opens === "search") {
      openSearch();
    } else if (button.hasAttribute("data-add-row")) {
      addRow(button.closest("[data-rows]"));
    } else if (button.hasAttribute("data-remove-row")) {
      removeRow(button.closest("tr"));
    }
  });

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openSearch();
    } else if (event.target.closest?.("#search") && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      const stops = [...document.querySelectorAll("#search input, #search li a")];
      const step = event.key === "ArrowDown" ? 1 : -1;
      const next = stops[stops.indexOf(document.activeElement) + step];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    } else if (event.key === "Enter" && event.target.matches?.("#search input")) {
      const first = document.querySelector("#search li a");
      event.preventDefault();
      if (first) first.click();
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(announcer);
    // With a script, rows are added when they are wanted and results appear by themselves.
    document.querySelectorAll("[data-spare]").forEach((row) => row.remove());
    document.querySelectorAll("[data-add-row]").forEach((button) => (button.hidden = false));
    document.querySelectorAll("[data-without-script]").forEach((button) => (button.hidden = true));
  });
})();
