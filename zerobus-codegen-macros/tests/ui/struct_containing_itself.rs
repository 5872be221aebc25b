use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Node {
    name: String,
    children: Vec<Node>,
}

#[derive(ZerobusMessage)]
struct Link {
    next: Option<Box<Self>>,
}

#[derive(ZerobusMessage)]
struct Wrapped(Box<Wrapped>);

mod other {
    use zerobus_runtime::ZerobusMessage;

    #[derive(ZerobusMessage)]
    pub struct Place {
        pub name: String,
    }
}

/// Another type of the same name is not recursion.
#[derive(ZerobusMessage)]
struct Place {
    inner: other::Place,
}

fn main() {}
