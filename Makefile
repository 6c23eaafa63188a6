# The front door. `make` alone builds.
build:
	@tools/install-packages
	@[ -f build/build.ninja ] || meson setup build
	@ninja -C build
check:
	./check
asan tsan:
	./check $@
fuzz:
	FUZZ_SECONDS=$${FUZZ_SECONDS:-300} ./check fuzz
format:
	clang-format -i $$(git ls-files 'src/*.[ch]')
clean:
	rm -rf build build-*
.PHONY: build check asan tsan fuzz format clean
bench: build
	@ninja -C build bench
	bench/mail/run.py
install: build
	meson install -C build
deb:
	@tools/install-packages
	@dist/deb/build
.PHONY: bench install deb
