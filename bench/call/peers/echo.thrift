// For the bench of calls: bytes there and back.
namespace cpp bench

service Echo {
  binary echo(1: binary payload)
}
