//! The macros that the processor brings along: one table of names and how each is called.

/// How many arguments a builtin takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Arity {
    /// With fewer there is a warning.
    pub(super) min: usize,
    /// Those beyond are ignored with a warning; none: any number.
    pub(super) max: Option<usize>,
}

macro_rules! builtins {
    ($($variant:ident $name:literal $blind:literal $min:literal $max:expr;)*) => {
        /// Something the processor does itself.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Builtin {
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        impl Builtin {
            /// All builtins.
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the name it has at the start.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Tells whether its name without arguments is text.
            pub(super) fn needs_arguments(self) -> bool {
                match self { $(Self::$variant => $blind,)* }
            }

            /// Returns how many arguments it takes.
            pub(super) fn arity(self) -> Arity {
                match self { $(Self::$variant => Arity { min: $min, max: $max },)* }
            }
        }
    };
}

builtins! {
    File "__file__" false 0 Some(0);
    Line "__line__" false 0 Some(0);
    Program "__program__" false 0 Some(0);
    ByName "builtin" true 1 None;
    Changecom "changecom" false 0 Some(2);
    Changequote "changequote" false 0 Some(2);
    Debugmode "debugmode" false 0 Some(1);
    Debugfile "debugfile" false 0 Some(1);
    Decr "decr" true 1 Some(1);
    Define "define" true 1 Some(2);
    Defn "defn" true 1 None;
    Divert "divert" false 0 Some(1);
    Divnum "divnum" false 0 Some(0);
    Dnl "dnl" false 0 Some(0);
    Dumpdef "dumpdef" false 0 None;
    Errprint "errprint" true 1 None;
    Esyscmd "esyscmd" true 1 Some(1);
    Eval "eval" true 1 Some(3);
    Format "format" true 1 None;
    Ifdef "ifdef" true 2 Some(3);
    Ifelse "ifelse" true 1 None;
    Include "include" true 1 Some(1);
    Incr "incr" true 1 Some(1);
    Index "index" true 2 Some(2);
    Indir "indir" true 1 None;
    Len "len" true 1 Some(1);
    M4exit "m4exit" false 0 Some(1);
    M4wrap "m4wrap" true 1 None;
    Maketemp "maketemp" true 1 Some(1);
    Mkstemp "mkstemp" true 1 Some(1);
    Patsubst "patsubst" true 2 Some(3);
    Popdef "popdef" true 1 None;
    Pushdef "pushdef" true 1 Some(2);
    Regexp "regexp" true 2 Some(3);
    Shift "shift" true 1 None;
    Sinclude "sinclude" true 1 Some(1);
    Substr "substr" true 2 Some(3);
    Syscmd "syscmd" true 1 Some(1);
    Sysval "sysval" false 0 Some(0);
    Traceoff "traceoff" false 0 None;
    Traceon "traceon" false 0 None;
    Translit "translit" true 2 Some(3);
    Undefine "undefine" true 1 None;
    Undivert "undivert" false 0 None;
}

impl Builtin {
    /// Finds a builtin by the name it has at the start.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|builtin| builtin.name().as_bytes() == name)
    }
}
