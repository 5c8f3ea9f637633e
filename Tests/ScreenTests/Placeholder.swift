// Stands in until the screen's tests are here.
