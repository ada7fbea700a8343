//! Every rule of `decide`: given some commands, when another comes, then these events or this
//! rejection. Pure; the whole suite takes milliseconds.

mod apis;
mod bindings;
mod environments;
mod groups;
mod keys;
mod projection;
mod scenario;
