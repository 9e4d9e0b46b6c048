// Filled by its first module.
print("demo-payments")
