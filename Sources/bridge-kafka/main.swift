// Filled by its first module.
print("bridge-kafka")
