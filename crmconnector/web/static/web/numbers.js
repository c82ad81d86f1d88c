// The playground: Enter reads (Shift and Enter begins a new line), and countries get their names in the page's language.
const form = document.querySelector("[data-numbers]");

form.elements.number.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

function nameCountries() {
  const names = new Intl.DisplayNames([document.documentElement.lang, "en"], { type: "region" });
  for (const place of document.querySelectorAll("[data-country]")) {
    const code = place.dataset.country;
    const name = names.of(code);
    if (name && name !== code) place.textContent = `${name} (${code})`;
  }
}

// By name, as people look for a country; the first option, which says whose country it is, stays first.
function sortCountries(select) {
  const chosen = select.value;
  const options = [...select.querySelectorAll("option[data-country]:not([value=''])")];
  const order = new Intl.Collator(document.documentElement.lang);
  options.sort((one, other) => order.compare(one.textContent, other.textContent));
  select.append(...options);
  select.value = chosen;
}

nameCountries();
sortCountries(form.elements.country);
