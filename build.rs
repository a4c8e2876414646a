//! Has the binary built again when a file that is embedded in it comes or goes.

fn main() {
    for folder in ["templates", "public", "locales"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
